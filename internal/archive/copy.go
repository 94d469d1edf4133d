package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"

	"tasksync/queries"
	"tasksync/task"
)

// copy brings one file into the store, unless it is there. It returns a [*failure], an error
// of the store, or a [*databaseError].
func (r *run) copy(ctx context.Context, f *file) error {
	if task.FinalURL(f.SourceURL) == "" {
		return failed("no_final_url")
	}
	if f.UploadID != "" {
		if err := r.store.Abort(ctx, f.Key, f.UploadID); err != nil {
			return err
		}
	}
	if there, err := r.isStored(ctx, f); err != nil || there {
		f.URL = r.target.url(f.Key) // public_url may be another one now
		return err
	}
	from := f.FetchURL
	if from == "" {
		from = f.SourceURL
	}
	s, err := r.open(ctx, from, f.Kind)
	if err != nil {
		return err
	}
	defer s.close()
	key := r.cfg.Settings.key(names{r.g.UserID, r.id, f.ClipID, f.Kind, r.provider.Name, s.ext})
	body := &counted{body: s.body, sum: sha256.New()}
	err = r.store.Put(ctx, Object{Key: key, ContentType: s.contentType, Begun: func(ctx context.Context, uploadID string) error {
		return r.noteUpload(ctx, f, key, uploadID)
	}}, body)
	if err != nil {
		return err
	}
	r.metrics.bytes.Add(float64(body.n))
	return r.noteStored(ctx, f, queries.ArchiveStoredSetParams{
		Key: key, URL: r.target.url(key), Bytes: body.n, Sha256: hex.EncodeToString(body.sum.Sum(nil)), ContentType: s.contentType,
	})
}

// isStored reports whether the copy of this source is in the store, as the table knows it: a
// daemon may have ended between the copy and the row.
func (r *run) isStored(ctx context.Context, f *file) (bool, error) {
	if f.Bytes == 0 {
		return false, nil
	}
	size, err := r.store.Size(ctx, f.Key)
	return size == f.Bytes, err
}

// noteUpload notes a multipart upload before its first part.
func (r *run) noteUpload(ctx context.Context, f *file, key, uploadID string) error {
	n, err := r.queries.ArchiveUploadSet(ctx, r.cfg.Pool, queries.ArchiveUploadSetParams{
		Key: key, UploadID: uploadID, GenerationID: r.id, ClipID: f.ClipID, Kind: f.Kind, Claim: r.claim,
	})
	return noted(n, err)
}

func (r *run) noteStored(ctx context.Context, f *file, p queries.ArchiveStoredSetParams) error {
	p.GenerationID, p.ClipID, p.Kind, p.Claim = r.id, f.ClipID, f.Kind, r.claim
	n, err := r.queries.ArchiveStoredSet(ctx, r.cfg.Pool, p)
	if err := noted(n, err); err != nil {
		return err
	}
	f.Key, f.URL, f.Bytes, f.Sha256 = p.Key, p.URL, p.Bytes, p.Sha256
	return nil
}

// errLost says that another run has claimed the file.
var errLost = errors.New("another run has the file")

func noted(n int64, err error) error {
	if err == nil && n == 0 {
		err = errLost
	}
	if err != nil {
		return &databaseError{err}
	}
	return nil
}

// counted counts and hashes what is read.
type counted struct {
	body io.Reader
	sum  hash.Hash
	n    int64
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	c.sum.Write(p[:n])
	c.n += int64(n)
	return n, err
}

// readOwn reads the beginning of what an own URL serves, once in the life of an Archiver: a
// public_url that is wrong must not replace URLs that play. Many a server has a page for any
// address, with status 200, so that isOurs looks at the content.
func (a *Archiver) readOwn(ctx context.Context, own string, isOurs func(head []byte) bool) error {
	if a.readable.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, headerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, own, http.NoBody)
	if err != nil {
		return failed("public_url_unreadable")
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=0-%d", sniffed-1))
	req.Header.Set("User-Agent", "tasksync")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return failed("public_url_unreadable")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		return &failure{word: "public_url_unreadable", detail: resp.Status}
	}
	head, err := io.ReadAll(io.LimitReader(resp.Body, sniffed))
	if err != nil {
		return failed("public_url_unreadable")
	}
	if !isOurs(head) {
		return &failure{word: "public_url_unreadable", detail: "something else is there"}
	}
	a.readable.Store(true)
	return nil
}

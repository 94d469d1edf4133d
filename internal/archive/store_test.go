package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"tasksync/internal/archive/archivetest"
)

// stores are one of each kind, and an endpoint below a path.
func stores(t *testing.T) map[string]string {
	t.Helper()
	s3 := archivetest.New(t)
	target, err := url.Parse(s3.URL)
	require.NoError(t, err)
	below := httptest.NewServer(http.StripPrefix("/storage/v1/s3", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host, out.RequestURI = target.Scheme, target.Host, ""
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for k, v := range resp.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	})))
	t.Cleanup(below.Close)
	return map[string]string{
		"s3": s3.Archive("a/b"), "file": "file://" + t.TempDir() + "/songs?public_url=https://x.example",
		"below": "s3://" + archivetest.Bucket + "/c?endpoint=" + below.URL + "/storage/v1/s3&public_url=https://x.example",
	}
}

func openTest(t *testing.T, address string) Store {
	t.Helper()
	target, err := Settings{Address: address}.target()
	require.NoError(t, err)
	s, err := openStore(target)
	require.NoError(t, err)
	return s
}

func TestStores(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	for name, address := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s, ctx := openTest(t, address), t.Context()
			for _, size := range []int{1, partSize - 1, partSize, partSize + 1, 2*partSize + 7} {
				data := bytes.Repeat([]byte("abcdefg"), size/7+1)[:size]
				o := Object{Key: "u/g/c.mp3", ContentType: "audio/mpeg", Begun: func(context.Context, string) error { return nil }}
				require.NoError(t, s.Put(ctx, o, bytes.NewReader(data)))
				has, err := s.Size(ctx, o.Key)
				require.NoError(t, err)
				require.EqualValues(t, size, has)
			}
			require.NoError(t, s.Remove(ctx, "u/g/c.mp3"))
			require.NoError(t, s.Remove(ctx, "u/g/c.mp3"), "it is gone already")
			has, err := s.Size(ctx, "u/g/c.mp3")
			require.NoError(t, err)
			require.EqualValues(t, -1, has)
			require.NoError(t, s.Abort(ctx, "u/g/c.mp3", "unknown"))
		})
	}
}

// A body that breaks off is no object, and leaves no parts.
func TestBrokenBodiesAreNotStored(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	s3 := archivetest.New(t)
	dir := t.TempDir()
	for _, address := range []string{s3.Archive("p"), "file://" + dir + "?public_url=https://x.example"} {
		s := openTest(t, address)
		for _, size := range []int{3, partSize, 2*partSize + 1} {
			begun := 0
			o := Object{Key: "a/b.mp3", Begun: func(context.Context, string) error { begun++; return nil }}
			err := s.Put(t.Context(), o, io.MultiReader(bytes.NewReader(make([]byte, size)), iotest.ErrReader(failed("cut"))))
			require.Equal(t, "cut", asFailure(err).word)
			has, err := s.Size(t.Context(), "a/b.mp3")
			require.NoError(t, err)
			require.EqualValues(t, -1, has)
		}
	}
	require.Empty(t, s3.Uploads(t))
	left, err := filepath.Glob(filepath.Join(dir, "a", ".*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// An upload is noted before it has parts; if it cannot be noted, it is ended.
func TestUploadsThatCannotBeNotedAreEnded(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	s3 := archivetest.New(t)
	s := openTest(t, s3.Archive("p"))
	no := errors.New("no")
	err := s.Put(t.Context(), Object{Key: "k.mp3", Begun: func(context.Context, string) error {
		require.Len(t, s3.Uploads(t), 1)
		return no
	}}, bytes.NewReader(make([]byte, partSize+1)))
	require.ErrorIs(t, err, no)
	require.Empty(t, s3.Uploads(t))
}

// No key leads out of the folder.
func TestFilesStayInTheirFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openTest(t, "file://"+dir+"/in?public_url=https://x.example")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "in"), 0o755))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "in", "out")))
	for _, key := range []string{"../a.mp3", "out/a.mp3", "/a.mp3"} {
		require.Error(t, s.Put(t.Context(), Object{Key: key}, strings.NewReader("x")), key)
	}
	require.NoFileExists(t, filepath.Join(dir, "a.mp3"))
}

// Two attempts at once, as when a daemon stood still until its claim had ended: what is
// published is of one of them, whole.
func TestAttemptsAtOnceDoNotMix(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openTest(t, "file://"+dir+"?public_url=https://x.example")
	o := Object{Key: "u/g/c.mp3"}
	body, writer := io.Pipe()
	first := make(chan error, 1)
	go func() { first <- s.Put(t.Context(), o, body) }()
	_, err := writer.Write([]byte("first, "))
	require.NoError(t, err)
	_, err = writer.Write([]byte("first, ")) // the first write is in the file
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), o, strings.NewReader("second")))
	_, err = writer.Write([]byte("and last"))
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	require.ErrorIs(t, <-first, errTaken)
	has, err := os.ReadFile(filepath.Join(dir, "u", "g", "c.mp3"))
	require.NoError(t, err)
	require.Equal(t, "second", string(has))
	left, err := filepath.Glob(filepath.Join(dir, "u", "g", ".*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

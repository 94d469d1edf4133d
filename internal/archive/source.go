package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// stallTimeout ends a download of which nothing comes.
	stallTimeout = 30 * time.Second
	// largest is the length of the largest file that is copied.
	largest = 2 << 30
)

var errStalled = errors.New("nothing came for a while")

// source is a file at the provider, open and sniffed. What goes wrong with its body is a
// [*failure], so that a body that breaks off is not taken for a short one.
type source struct {
	format
	length int64 // as the server tells; -1: it does not
	body   io.Reader
	close  func()
}

// open requests a file. The caller closes the source.
func (a *Archiver) open(ctx context.Context, rawURL, kind string) (*source, error) {
	u, err := url.Parse(rawURL)
	if err != nil || !a.guard.GoodURL(u) {
		return nil, failed("address_not_public")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stalled := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	end := func() { stalled.Stop(); cancel(nil) }
	resp, err := a.request(ctx, rawURL) //nolint:bodyclose // source.close closes it
	if err != nil {
		err = sourceFailure(errors.Join(err, context.Cause(ctx)))
		end()
		return nil, err
	}
	s := &source{length: resp.ContentLength, close: func() { end(); _ = resp.Body.Close() }}
	if err := answerFailure(resp); err != nil {
		s.close()
		return nil, err
	}
	body := &watched{body: resp.Body, ctx: ctx, stalled: stalled, patience: stallTimeout}
	head := make([]byte, sniffed)
	n, err := io.ReadFull(body, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		s.close()
		return nil, err
	}
	s.format, s.body = sniff(head[:n], kind), io.MultiReader(bytes.NewReader(head[:n]), body)
	if s.kind != kind {
		s.close()
		if s.kind != "" {
			return nil, failed("is_" + s.kind)
		}
		return nil, failed(s.ext)
	}
	return s, nil
}

func (a *Archiver) request(ctx context.Context, rawURL string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "tasksync")
	return a.source.Do(req)
}

// answerFailure judges an answer by its status and length.
func answerFailure(resp *http.Response) error {
	switch s := resp.StatusCode; {
	case s == http.StatusNotFound, s == http.StatusGone:
		return &failure{word: "gone", gone: true}
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return failed("denied")
	case s == http.StatusTooManyRequests:
		return failed("rate_limited")
	case s >= 300 && s < 400:
		return failed("too_many_redirects")
	case s >= 500:
		return failed("http_5xx")
	case s != http.StatusOK:
		return failed("http_4xx")
	case resp.ContentLength == 0:
		return failed("empty")
	case resp.ContentLength > largest:
		return failed("too_large")
	}
	return nil
}

// watched is a body that ends with an error if it stalls, breaks off or grows too large. Time
// counts while it is read only: a store that is slow to take a part is no stalled source.
type watched struct {
	body    io.Reader
	ctx     context.Context //nolint:containedctx // it is the request's, and tells why the body ended
	stalled *time.Timer
	// patience is how long a read waits.
	patience time.Duration
	read     int64
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	w.stalled.Reset(w.patience)
	n, err := w.body.Read(p)
	w.stalled.Stop()
	w.read += int64(n)
	switch {
	case w.read > largest:
		return n, failed("too_large")
	case err == nil, errors.Is(err, io.EOF):
		return n, err
	}
	return n, sourceFailure(errors.Join(err, context.Cause(w.ctx)))
}

package archive

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// A store may take its time with a part: the source waits for it, and has not stalled.
func TestSlowStoreIsNoStalledSource(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	const patience = time.Millisecond
	stalled := time.AfterFunc(time.Hour, func() { cancel(errStalled) })
	body := &watched{body: iotest.OneByteReader(&endless{}), ctx: ctx, stalled: stalled, patience: time.Hour}
	_, err := body.Read(make([]byte, 1))
	require.NoError(t, err)
	require.False(t, stalled.Stop(), "nothing counts between the reads")

	body = &watched{body: waiting{ctx}, ctx: ctx, stalled: stalled, patience: patience}
	_, err = body.Read(make([]byte, 1))
	require.Equal(t, "source_timeout", asFailure(err).word, "a read counts")
}

type endless struct{}

func (*endless) Read(p []byte) (int, error) { return len(p), nil }

// waiting is a body of which nothing comes.
type waiting struct{ ctx context.Context } //nolint:containedctx // as of a request

func (w waiting) Read([]byte) (int, error) {
	<-w.ctx.Done()
	return 0, errors.Join(io.ErrClosedPipe, w.ctx.Err())
}

// Many servers answer any address with a page, and status 200: as a single-page application
// does, or a form to sign in. Such an address is no public_url.
func TestPublicURLThatServesAPageIsWrong(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><title>App</title>")
	}))
	t.Cleanup(page.Close)
	settings, err := Settings{Address: "file://" + t.TempDir() + "?public_url=" + page.URL}.Parse()
	require.NoError(t, err)
	a, err := New(Config{Settings: settings})
	require.NoError(t, err)
	require.ErrorContains(t, a.Check(t.Context()), "does not serve what was stored")
	isAudio := func(head []byte) bool { return sniff(head, Audio).kind == Audio }
	require.ErrorContains(t, a.readOwn(t.Context(), page.URL+"/u/g/c.mp3", isAudio), "public_url_unreadable")
}

package daemon

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answer returns the response to a path as it is, requested by a page of another
// origin. It follows no redirects.
func (r *running) answer(t *testing.T, method, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.addr+path, nil)
	require.NoError(t, err)
	req.Header.Set("Origin", "https://app.example")
	if method == http.MethodOptions {
		req.Header.Set("Access-Control-Request-Method", http.MethodPost)
	}
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp
}

// TestEveryAnswerHasTheHeaders, whichever part of the daemon gives it.
func TestEveryAnswerHasTheHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	early, cfg := b.config(), b.config()
	early.DatabaseURL, early.ListenAddr = "postgres://u:p@"+freeAddr(t)+"/app", freeAddr(t)
	early.API.CORSOrigins = []string{"https://app.example"}
	cfg.API.CORSOrigins = early.API.CORSOrigins
	waiting, working := b.launch(early), b.run(cfg)
	b.until("it listens", func() bool { status, _ := waiting.get("/healthz"); return status == http.StatusOK })
	for _, r := range []*running{waiting, working} {
		for _, path := range []string{
			"/healthz", "/readyz", "/metrics", "/nothing", "//", "/../", "/..//x", "//healthz", "/healthz/", "//api/music/v2/sync", "/api/../metrics",
			"/api/music/v2/sync", "/openapi.json",
		} {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
				resp, kept := r.answer(t, method, path), "no-store"
				if path == "/openapi.json" && resp.StatusCode == http.StatusOK {
					kept = "private, no-cache" // asked for anew each time, by its tag
				}
				for name, want := range map[string]string{
					"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": kept,
				} {
					require.Equal(t, want, resp.Header.Get(name), "%s %s: %s", method, path, name)
				}
				require.NotEmpty(t, resp.Header.Get("X-Request-Id"), "%s %s", method, path)
			}
		}
	}
	require.Equal(t, http.StatusNotFound, working.answer(t, http.MethodGet, "//").StatusCode)
	require.Equal(t, http.StatusServiceUnavailable, waiting.answer(t, http.MethodGet, "//").StatusCode)
}

// TestPagesMayReadThatTheAPIIsAway: without the headers of CORS a page would only
// learn that its request failed.
func TestPagesMayReadThatTheAPIIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.DatabaseURL, cfg.ListenAddr = "postgres://u:p@"+freeAddr(t)+"/app", freeAddr(t)
	cfg.API.CORSOrigins = []string{"https://app.example"}
	r := b.launch(cfg)
	b.until("it listens", func() bool { status, _ := r.get("/healthz"); return status == http.StatusOK })
	resp := r.answer(t, http.MethodPost, "/api/music/v2/sync")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, "https://app.example", resp.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, resp.Header.Get("Access-Control-Expose-Headers"), "Retry-After")
	resp = r.answer(t, http.MethodOptions, "/api/music/v2/sync")
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Equal(t, http.MethodPost, resp.Header.Get("Access-Control-Allow-Methods"))
}

// TestHTTPServerOfTheDaemon: the server has the limit, and logs its errors.
func TestHTTPServerOfTheDaemon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, err := newServer(b.config())
	require.NoError(t, err)
	defer s.listener.Close()
	require.Equal(t, maxConns, s.listener.(*limitedListener).most)
	s.server.ErrorLog.Print("http: Accept error: accept tcp: too many open files; retrying in 5ms")
	require.Regexp(t, `level=WARN msg="http: Accept error: .*" part=http`, b.log.String())
}

// TestServerThatFails: it stops the daemon, which returns its error once.
func TestServerThatFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := &daemon{cfg: b.config().WithDefaults(), health: newHealth()}
	d.cfg.Started = func(net.Addr) { _ = d.server.listener.Close() }
	err := d.run(t.Context(), d.parts())
	require.ErrorIs(t, err, net.ErrClosed)
	require.Equal(t, 1, strings.Count(err.Error(), "serve HTTP: "), err)
}

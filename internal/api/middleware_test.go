package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"tasksync/internal/database"
	"tasksync/syncer"
)

// everyResponse sends requests that get every sort of response, and returns the
// responses by status and request.
func (b *bundle) everyResponse() map[string]response {
	b.Helper()
	mine := []string{"Authorization", "Bearer " + token(alice), "Content-Type", "application/json", "Origin", "https://app.example"}
	return map[string]response{
		"200 GET":     b.ask(http.MethodGet, syncPath, "", mine...),
		"200 POST":    b.ask(http.MethodPost, syncPath, "{}", mine...),
		"200 HEAD":    b.ask(http.MethodHead, syncPath, "", mine...),
		"200 openapi": b.ask(http.MethodGet, "/openapi.json", "", mine...),
		"200 docs":    b.ask(http.MethodGet, "/docs", "", mine...),
		"200 webhook": b.ask(http.MethodPost, "/webhooks/kie/"+webhookToken, "{}", mine...),
		"201 ticket":  b.ask(http.MethodPost, syncPath+"/events/ticket", "", mine...),
		"400":         b.ask(http.MethodPost, syncPath, "{", mine...),
		"401":         b.ask(http.MethodPost, syncPath, "", "Origin", "https://app.example"),
		"401 ticket":  b.ask(http.MethodGet, syncPath+"/events?ticket=x", "", "Origin", "https://app.example"),
		"403":         b.ask(http.MethodGet, syncPath+"?user_id="+bob, "", mine...),
		"404":         b.ask(http.MethodGet, "/nothing", "", mine...),
		"404 webhook": b.ask(http.MethodPost, "/webhooks/kie/wrong", "{}", mine...),
		"405":         b.ask(http.MethodPut, syncPath, "{}", mine...),
		"413":         b.ask(http.MethodPost, syncPath, strings.Repeat(" ", maxBody+1), mine...),
		"422":         b.ask(http.MethodPost, syncPath, "[]", mine...),
		"422 query":   b.ask(http.MethodGet, syncPath+"?user_id=x", "", mine...),
		"404 OPTIONS": b.ask(http.MethodOptions, "/nothing", "", mine...),
	}
}

func TestEveryResponseIsSecure(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"plain": func(*Config) {}, "CORS": func(c *Config) { c.CORSOrigins = []string{"https://app.example"} },
	} {
		b := setup(t, change)
		for kind, a := range b.everyResponse() {
			require.Equal(t, kind[:3], fmt.Sprint(a.status), "%s: %s", kind, a.body)
			kept := "no-store"
			if slices.Contains([]string{"200 GET", "200 HEAD", "200 openapi"}, kind) {
				kept = "private, no-cache" // asked for anew each time, by its tag
			}
			for header, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": kept,
			} {
				require.Equal(t, []string{want}, a.header.Values(header), "%s %s", name, kind)
			}
			require.Contains(t, a.header.Get("Content-Security-Policy"), "frame-ancestors 'none'", kind)
			require.NotContains(t, a.header.Get("Content-Security-Policy"), "http", kind)
			require.Len(t, a.header.Values("X-Request-Id"), 1, kind)
			if a.status >= 400 {
				require.NotEmpty(t, a.detail(t), kind)
				require.NotContains(t, a.body, token(alice), kind)
			}
		}
	}
}

func TestRequestsWithoutARoute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/", "/x", "/api", "/api/music/v2/sync/", "/api/music/v1/sync", "/../etc/passwd", "/webhooks", "/webhooks/kie", "/webhooks/kie/a/b", "/metrics", "/openapi.json/x", "/%00", "/api%2Fmusic/v2/sync"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodOptions, "BREW"} {
			a := b.ask(method, path, "")
			require.Equal(t, http.StatusNotFound, a.status, "%s %s", method, path)
			require.NotEmpty(t, a.detail(t))
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, http.MethodTrace, "BREW"} {
		a := b.ask(method, syncPath, "", "Authorization", "Bearer "+token(alice))
		require.Equal(t, http.StatusMethodNotAllowed, a.status, method)
		require.Equal(t, "GET, HEAD, POST", a.header.Get("Allow"))
		require.NotEmpty(t, a.detail(t))
	}
	a := b.ask(http.MethodHead, syncPath, "", "Authorization", "Bearer "+token(alice))
	require.Equal(t, http.StatusOK, a.status)
	require.Empty(t, a.body)
	require.Equal(t, http.StatusUnauthorized, b.ask(http.MethodHead, syncPath, "").status)
	require.Equal(t, http.StatusMethodNotAllowed, b.ask(http.MethodHead, "/webhooks/kie/"+webhookToken, "").status)
}

// preflight sends what a browser sends before a request of a page.
func (b *bundle) preflight(origin, method string) http.Header {
	b.Helper()
	a := b.ask(http.MethodOptions, syncPath, "", "Origin", origin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", "authorization,content-type")
	return a.header
}

func TestCORS(t *testing.T) {
	t.Parallel()
	const ours, other = "https://app.example", "https://app.example.evil.test"
	get := func(b *bundle, origin string) http.Header {
		return b.ask(http.MethodGet, syncPath, "", "Origin", origin, "Authorization", "Bearer "+token(alice)).header
	}
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for _, h := range []http.Header{get(b, ours), b.preflight(ours, http.MethodPost)} {
			for name := range h {
				require.NotContains(t, name, "Access-Control")
			}
		}
	})
	t.Run("some", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(c *Config) { c.CORSOrigins = []string{"https://two.example:8443", ours} })
		h := get(b, ours)
		require.Equal(t, ours, h.Get("Access-Control-Allow-Origin"))
		require.Contains(t, h.Get("Access-Control-Expose-Headers"), "Retry-After")
		require.Contains(t, h.Values("Vary"), "Origin")
		require.Empty(t, h.Get("Access-Control-Allow-Credentials"), "tokens are in a header, no cookie is wanted")
		require.Equal(t, ours, b.ask(http.MethodGet, syncPath, "", "Origin", ours).header.Get("Access-Control-Allow-Origin"), "pages can read what was wrong")
		for _, refused := range []string{other, "http://app.example", "https://app.example:8443", "https://sub.app.example", "null", "https://app.example/"} {
			require.Empty(t, get(b, refused).Get("Access-Control-Allow-Origin"), refused)
			require.Empty(t, b.preflight(refused, http.MethodPost).Get("Access-Control-Allow-Origin"), refused)
		}
		h = b.preflight(ours, http.MethodPost)
		require.Equal(t, ours, h.Get("Access-Control-Allow-Origin"))
		require.Equal(t, http.MethodPost, h.Get("Access-Control-Allow-Methods"))
		require.Equal(t, "authorization,content-type", h.Get("Access-Control-Allow-Headers"))
		require.Equal(t, "600", h.Get("Access-Control-Max-Age"))
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
		require.NotEmpty(t, h.Get("X-Request-Id"))
		require.Empty(t, b.preflight(ours, http.MethodPut).Get("Access-Control-Allow-Methods"))
	})
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(c *Config) { c.CORSOrigins = []string{"*"} })
		require.Equal(t, "*", get(b, other).Get("Access-Control-Allow-Origin"))
		require.Equal(t, "*", b.preflight(other, http.MethodPost).Get("Access-Control-Allow-Origin"))
		require.Empty(t, get(b, other).Get("Access-Control-Allow-Credentials"))
	})
}

func TestOriginsAreChecked(t *testing.T) {
	t.Parallel()
	require.NoError(t, ValidateOrigins([]string{"*", "https://app.example", "http://localhost:3000", "http://[::1]:3000"}))
	for _, origin := range []string{
		"", "app.example", "https://", "https://app.example/", "https://app.example/path", "https://*.app.example", "ftp://app.example",
		"https://user@app.example", "https://app.example?x", "https://app.example#x", "null", "https://app.example, https://b.example", "://",
	} {
		err := ValidateOrigins([]string{"https://fine.example", origin})
		require.Error(t, err, origin)
		require.ErrorContains(t, err, "https://app.example, without a path")
		_, err = New(Config{CORSOrigins: []string{origin}})
		require.Error(t, err, origin)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, id := range []string{"a", "0198c2f0-7b1c-7000-8000-000000000000", "Root=1-67891233-abcdef012345678912345678", strings.Repeat("x", 64), "a/b+c:d_e.f-g="} {
		a := b.ask(http.MethodGet, "/nothing", "", "X-Request-Id", id)
		require.Equal(t, id, a.header.Get("X-Request-Id"))
		require.Contains(t, b.log.String(), id)
	}
	seen := map[string]bool{}
	for _, id := range []string{"", strings.Repeat("x", 65), "a b", "a\tb", "ü", `"quoted"`, "a,b", "<script>", "$(id)", "level=ERROR" + " msg=x"} {
		a := b.ask(http.MethodGet, "/nothing", "", "X-Request-Id", id)
		made := a.header.Get("X-Request-Id")
		require.Regexp(t, `^[A-Z2-7]{26}$`, made, id)
		require.False(t, seen[made], "each has its own")
		seen[made] = true
		require.Contains(t, b.log.String(), "request_id="+made)
	}
	require.NotContains(t, b.log.String(), "script")
}

// TestNothingPrivateIsShown: neither the response nor the log shows the private parts
// of a request, and the response shows no part of the database's error.
func TestNothingPrivateIsShown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `ALTER TABLE music_generations RENAME TO elsewhere; ALTER TABLE tasksync.event_tickets RENAME TO elsewhere`)
	require.NoError(t, err)
	const marker = "marker-of-the-query-string"
	tok := token(alice)
	for id, r := range map[string]struct{ method, path, body string }{
		"id-of-the-get":    {http.MethodGet, syncPath + "?x=" + marker, ""},
		"id-of-the-post":   {http.MethodPost, syncPath + "?x=" + marker, taskIDs("task-" + marker)},
		"id-of-the-ticket": {http.MethodPost, syncPath + "/events/ticket?x=" + marker, ""},
		"id-of-the-stream": {http.MethodGet, syncPath + "/events?ticket=" + strings.Repeat("A", 26) + "&x=" + marker, ""},
	} {
		headers := []string{"X-Request-Id", id, "Cookie", "c=" + marker, "Content-Type", "application/json"}
		if !strings.Contains(r.path, "ticket=") {
			headers = append(headers, "Authorization", "Bearer "+tok)
		}
		a := b.ask(r.method, r.path, r.body, headers...)
		require.Equal(t, http.StatusInternalServerError, a.status, id)
		require.Equal(t, internalDetail, a.detail(t))
		for _, inside := range []string{"SQL", "42P01", "select", "relation", "music_", "pgx", "goroutine", ".go", marker, tok, alice} {
			require.NotContains(t, strings.ToLower(a.body), strings.ToLower(inside), id)
		}
		require.Regexp(t, `level=ERROR msg="\[TaskSync\] Request failed" request_id=`+id+` error=`, b.log.String())
		require.Regexp(t, `level=WARN msg="\[TaskSync\] Served a request" request_id=`+id+` route="`+r.method+` /api/music/v2/sync`, b.log.String())
	}
	for _, secret := range []string{marker, tok, "SELECT ", "goroutine", alice} {
		require.NotContains(t, b.log.String(), secret)
	}
}

// badSyncer panics or fails, as the test sets.
type badSyncer struct {
	panics any
	err    error
}

// Sync implements Syncer.
func (s badSyncer) Sync(context.Context, syncer.Request) ([]syncer.Result, error) {
	if s.panics != nil {
		panic(s.panics)
	}
	return nil, s.err
}

// TestLogOfRequestsInAnOutage: while the database is away every request fails, and the log
// says so once in five minutes.
func TestLogOfRequestsInAnOutage(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Syncer = badSyncer{err: &pgconn.PgError{Code: database.CannotConnectNow}} })
	_, taskID := b.insertReady(alice)
	for range 20 {
		a := b.call(http.MethodPost, syncPath, token(alice), taskIDs(taskID))
		require.Equal(t, http.StatusServiceUnavailable, a.status)
	}
	require.Equal(t, 1, strings.Count(b.log.String(), `level=ERROR msg="[TaskSync] Request failed"`), b.log)
	require.Equal(t, 1, strings.Count(b.log.String(), `level=WARN msg="[TaskSync] Served a request"`), b.log)
}

// TestPassThatBreaks: a failed pass fails its request, not the daemon.
func TestPassThatBreaks(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]badSyncer{
		"panic": {panics: "a pass of this test"}, "error": {err: errors.New("a pass of this test")},
	} {
		b := setup(t, func(c *Config) { c.Syncer = bad })
		_, taskID := b.insertReady(alice)
		a := b.call(http.MethodPost, syncPath, token(alice), "")
		require.Equal(t, http.StatusInternalServerError, a.status, name)
		require.Equal(t, internalDetail, a.detail(t), name)
		require.Contains(t, b.log.String(), "a pass of this test", name)
		require.Equal(t, http.StatusOK, b.call(http.MethodPost, "/webhooks/kie/"+webhookToken, "", `{"data":{"task_id":"`+taskID+`"}}`).status)
		b.until("the webhook's pass breaks too", func() bool { return strings.Contains(b.log.String(), "The pass of webhooks failed") })
		require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, token(alice), "").status, "the API still works")
	}
}

// badVerifier panics in the goroutine of the request.
type badVerifier struct{ Verifier }

func TestHandlerThatPanics(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Verifier = badVerifier{} })
	a := b.ask(http.MethodGet, syncPath, "", "Authorization", "Bearer x", "X-Request-Id", "id-of-the-panic")
	require.Equal(t, http.StatusInternalServerError, a.status)
	require.Equal(t, internalDetail, a.detail(t))
	require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
	require.Regexp(t, `level=ERROR msg="\[TaskSync\] Panic while serving a request" request_id=id-of-the-panic`, b.log.String())
	require.Equal(t, http.StatusOK, b.call(http.MethodGet, "/openapi.json", "", "").status)
}

// TestResponseThatBreaksOff: a client notices that a response is not complete.
func TestResponseThatBreaksOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	breaking := b.api.observe(http.NewServeMux(), b.api.recoverPanic(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half of an ans")
		_ = http.NewResponseController(w).Flush()
		panic("half-way")
	})))
	resp, err := plainClient.Get(b.serveHandler(breaking, func(*http.Server) {}))
	require.NoError(t, err)
	raw, err := io.ReadAll(resp.Body)
	require.Error(t, err)
	require.Equal(t, "half of an ans", string(raw))
	require.NoError(t, resp.Body.Close())
	require.Contains(t, b.log.String(), "half-way")
}

// TestMetricsHaveClosedLabels: made-up paths, methods and providers make no new series.
func TestMetricsHaveClosedLabels(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_ = b.everyResponse()
	for i := range 50 {
		for _, path := range []string{"/x%d", "/docs/%d", "/webhooks/p%d/t%[1]d", "/webhooks/kie/t%d", "//x%d//", syncPath + "/%d", "/openapi-%d.json", "/docs?%d"} {
			b.ask(http.MethodGet, fmt.Sprintf(path, i), "")
			b.ask(http.MethodPost, fmt.Sprintf(path, i), "{}")
		}
		b.ask(fmt.Sprint("METHOD", i), syncPath, "")
	}
	labels := b.labels("tasksync_http_", "tasksync_webhook")
	for _, route := range keys(labels["route"]) {
		require.Contains(t, []string{
			"none", "GET /docs", "GET /openapi.json", "GET " + syncPath, "POST " + syncPath, "GET " + syncPath + "/events",
			"POST " + syncPath + "/events/ticket", "POST /webhooks/{provider}/{token}",
		}, route)
	}
	require.GreaterOrEqual(t, len(labels["route"]), 7)
	require.Subset(t, []string{"kie", "acedata", "unknown"}, keys(labels["provider"]))
	require.LessOrEqual(t, len(labels["code"]), 15, keys(labels["code"]))
}

// labels returns the values of each label of the metrics with one of the prefixes.
func (b *bundle) labels(prefixes ...string) map[string]map[string]bool {
	b.Helper()
	families, err := b.reg.Gather()
	require.NoError(b, err)
	found := map[string]map[string]bool{}
	for _, f := range families {
		if !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(f.GetName(), p) }) {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if found[l.GetName()] == nil {
					found[l.GetName()] = map[string]bool{}
				}
				found[l.GetName()][l.GetValue()] = true
			}
		}
	}
	return found
}

func keys(set map[string]bool) []string { return slices.Collect(maps.Keys(set)) }

package console

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/story"
)

const (
	password = "the password of the test"
	rowID    = "7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11"
)

// fake is a source with one row.
type fake struct {
	retried, paused []string
	explaining      func() // nil: nothing
}

func (f *fake) Overview(context.Context) (*Overview, error) { return &Overview{Version: "v1"}, nil }

func (f *fake) Explain(_ context.Context, id string) ([]*story.Story, error) {
	if f.explaining != nil {
		f.explaining()
	}
	if id != rowID {
		return nil, ErrNotFound
	}
	return []*story.Story{{ID: rowID}}, nil
}

func (f *fake) Retry(_ context.Context, id string) (bool, error) {
	f.retried = append(f.retried, id)
	return true, nil
}

func (f *fake) Pause(_ context.Context, provider, _ string) error {
	if provider != "sunoapi" {
		return ErrNoProvider
	}
	f.paused = append(f.paused, provider)
	return nil
}

func (f *fake) Resume(context.Context, string) (bool, error) { return false, nil }

// server serves a console on a loopback address, and follows no redirect.
func server(t *testing.T, cfg Config) (base string, client *http.Client) {
	t.Helper()
	if cfg.Source == nil {
		cfg.Source = &fake{}
	}
	s := httptest.NewServer(New(cfg))
	t.Cleanup(s.Close)
	return s.URL, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ask sends a request and returns the status and the header of the answer. Headers are
// given as names and values.
func ask(t *testing.T, client *http.Client, method, link, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, link, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	resp, err := client.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp
}

func signIn(t *testing.T, client *http.Client, base, with string) *http.Response {
	t.Helper()
	return ask(t, client, http.MethodPost, base+"/console/login", url.Values{"password": {with}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// cookieOf signs in and returns the cookie.
func cookieOf(t *testing.T, client *http.Client, base string) string {
	t.Helper()
	resp := signIn(t, client, base, password)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	cookie := resp.Cookies()[0]
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	return cookie.Name + "=" + cookie.Value
}

// Without a password and a proxy there is no console.
func TestOffByDefault(t *testing.T) {
	t.Parallel()
	base, client := server(t, Config{})
	for _, path := range []string{"/console", "/console/", "/console/console.js", "/console/api/overview", "/console/jobs/"} {
		require.Equal(t, http.StatusNotFound, ask(t, client, http.MethodGet, base+path, "").StatusCode, path)
	}
	require.Equal(t, http.StatusNotFound, signIn(t, client, base, "").StatusCode)
}

func TestPasswordOpensTheConsole(t *testing.T) {
	t.Parallel()
	base, client := server(t, Config{Password: password})
	api := base + "/console/api/overview"
	require.Equal(t, http.StatusUnauthorized, ask(t, client, http.MethodGet, api, "").StatusCode)
	require.Equal(t, http.StatusUnauthorized, ask(t, client, http.MethodGet, base+"/console/", "").StatusCode)
	require.Equal(t, http.StatusUnauthorized, signIn(t, client, base, "another one").StatusCode)
	cookie := cookieOf(t, client, base)
	resp := ask(t, client, http.MethodGet, api, "", "Cookie", cookie)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NotContains(t, resp.Header.Get("Content-Security-Policy"), "unsafe")
	require.Equal(t, http.StatusOK, ask(t, client, http.MethodGet, base+"/console/", "", "Cookie", cookie).StatusCode)
	require.Equal(t, http.StatusUnauthorized, ask(t, client, http.MethodGet, api, "", "Cookie", cookie+"0").StatusCode)
	c := New(Config{Source: &fake{}, Password: password})
	require.True(t, c.valid(c.session(time.Now().Add(time.Minute)), time.Now()))
	require.False(t, c.valid(c.session(time.Now().Add(-time.Minute)), time.Now()), "it has ended")
	require.False(t, New(Config{Source: &fake{}, Password: "a new password"}).valid(c.session(time.Now().Add(time.Minute)), time.Now()))

	for range maxTries {
		signIn(t, client, base, "another one")
	}
	require.Equal(t, http.StatusTooManyRequests, signIn(t, client, base, password).StatusCode, "nobody can try them all")
	require.Equal(t, http.StatusOK, ask(t, client, http.MethodGet, api, "", "Cookie", cookie).StatusCode, "who is in stays in")
}

// What changes something needs a setting of its own, and comes from the page itself.
func TestActions(t *testing.T) {
	t.Parallel()
	body := `{"id":"` + rowID + `"}`
	source := &fake{}
	base, client := server(t, Config{Password: password, Source: source, Jobs: http.NotFoundHandler()})
	cookie := cookieOf(t, client, base)
	for _, path := range []string{"/console/api/retry", "/console/api/pause", "/console/api/resume", "/console/jobs/api/jobs/cancel"} {
		require.Equal(t, http.StatusForbidden, ask(t, client, http.MethodPost, base+path, body, "Cookie", cookie).StatusCode, path)
	}
	require.Empty(t, source.retried)

	base, client = server(t, Config{Password: password, Source: source, Actions: true})
	cookie = cookieOf(t, client, base)
	retry := base + "/console/api/retry"
	require.Equal(t, http.StatusUnauthorized, ask(t, client, http.MethodPost, retry, body).StatusCode)
	require.Equal(t, http.StatusForbidden, ask(t, client, http.MethodPost, retry, body, "Cookie", cookie, "Sec-Fetch-Site", "cross-site").StatusCode)
	require.Equal(t, http.StatusForbidden, ask(t, client, http.MethodPost, retry, body, "Cookie", cookie, "Origin", "https://evil.example").StatusCode)
	require.Empty(t, source.retried)
	require.Equal(t, http.StatusOK, ask(t, client, http.MethodPost, retry, body, "Cookie", cookie, "Sec-Fetch-Site", "same-origin").StatusCode)
	require.Equal(t, []string{rowID}, source.retried)
}

// A proxy's header counts from the proxy only.
func TestTrustedProxy(t *testing.T) {
	t.Parallel()
	cfg := Config{ProxyHeader: "X-Forwarded-User", Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	base, client := server(t, cfg)
	api := base + "/console/api/overview"
	require.Equal(t, http.StatusUnauthorized, ask(t, client, http.MethodGet, api, "").StatusCode)
	require.Equal(t, http.StatusOK, ask(t, client, http.MethodGet, api, "", "X-Forwarded-User", "somebody").StatusCode)
	require.Equal(t, http.StatusUnauthorized, signIn(t, client, base, "").StatusCode, "no password is no empty password")
	require.Equal(t, http.StatusUnauthorized, ask(t, client, http.MethodGet, api, "", "Cookie", cookieName+"="+New(cfg).session(time.Now().Add(time.Hour))).StatusCode)
	cfg.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	base, client = server(t, cfg)
	require.Equal(t, http.StatusUnauthorized, ask(t, client, http.MethodGet, base+"/console/api/overview", "", "X-Forwarded-User", "somebody").StatusCode)
}

// Programs on this machine read rows as they are; others need the password.
func TestRowsForPrograms(t *testing.T) {
	t.Parallel()
	base, client := server(t, Config{Password: password})
	link := base + "/admin/generations/" + rowID
	require.Equal(t, http.StatusOK, ask(t, client, http.MethodGet, link, "").StatusCode)
	require.Equal(t, http.StatusNotFound, ask(t, client, http.MethodGet, base+"/admin/generations/none", "").StatusCode)
	require.Equal(t, http.StatusUnauthorized, ask(t, client, http.MethodGet, link, "", "Host", "evil.example").StatusCode, "a page of another site, by a name of its own")
	require.Equal(t, http.StatusUnauthorized, ask(t, client, http.MethodGet, link, "", "X-Forwarded-For", "10.0.0.1").StatusCode, "a proxy")
	basic := func(p string) string {
		r := httptest.NewRequest(http.MethodGet, link, nil)
		r.SetBasicAuth("any", p)
		return r.Header.Get("Authorization")
	}
	require.Equal(t, http.StatusOK, ask(t, client, http.MethodGet, link, "", "Host", "tasksync.internal", "Authorization", basic(password)).StatusCode)
	require.Equal(t, http.StatusUnauthorized, ask(t, client, http.MethodGet, link, "", "Authorization", basic("another one")).StatusCode)
}

// A request that names no provider is a mistake: "" is the name of all of them.
func TestOnlyNamedProvidersPause(t *testing.T) {
	t.Parallel()
	source := &fake{}
	base, client := server(t, Config{Password: password, Source: source, Actions: true})
	cookie := cookieOf(t, client, base)
	for _, body := range []string{`{}`, `null`, `{"provider":""}`, `{"prov":"sunoapi"}`, `{"provider":"misspelt"}`} {
		require.Equal(t, http.StatusBadRequest, ask(t, client, http.MethodPost, base+"/console/api/pause", body, "Cookie", cookie).StatusCode, body)
	}
	require.Equal(t, http.StatusBadRequest, ask(t, client, http.MethodPost, base+"/console/api/resume", `{}`, "Cookie", cookie).StatusCode)
	require.Empty(t, source.paused)
	require.Equal(t, http.StatusOK, ask(t, client, http.MethodPost, base+"/console/api/pause", `{"provider":"sunoapi"}`, "Cookie", cookie).StatusCode)
	require.Equal(t, []string{"sunoapi"}, source.paused)
}

// An id that is no text is no fault of the database.
func TestIDsThatAreNoText(t *testing.T) {
	t.Parallel()
	base, client := server(t, Config{Password: password})
	for _, id := range []string{"%ff", "%F0%9F", "%00", "%1b"} {
		require.Equal(t, http.StatusBadRequest, ask(t, client, http.MethodGet, base+"/admin/generations/"+id, "").StatusCode, id)
	}
}

// Many guesses at once, each with a body that takes its time, are as many as one by one.
func TestGuessesAtOnceAreCounted(t *testing.T) {
	t.Parallel()
	c := New(Config{Source: &fake{}, Password: password})
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	const guesses = 4 * maxTries
	codes, bodies := make(chan int, guesses), make([]*io.PipeWriter, guesses)
	for i := range guesses {
		body, writer := io.Pipe()
		bodies[i] = writer
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/console/login", body)
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		go func() {
			resp, err := s.Client().Do(r)
			if err != nil {
				codes <- 0
				return
			}
			_ = resp.Body.Close()
			codes <- resp.StatusCode
		}()
	}
	for _, writer := range bodies { // what is written is read once the request is under way
		_, err := io.WriteString(writer, "password=")
		require.NoError(t, err)
	}
	for _, writer := range bodies {
		_, err := io.WriteString(writer, "a guess")
		require.NoError(t, err)
		require.NoError(t, writer.Close())
	}
	looked := 0
	for range guesses {
		if <-codes == http.StatusUnauthorized {
			looked++
		}
	}
	require.Equal(t, maxTries, looked)
}

// A proxy on the machine passes on what others ask: nginx by HTTP/1.0 and for its own name of
// the daemon. Where one is configured, it has to say who asks.
func TestRowsAreNotForProxies(t *testing.T) {
	t.Parallel()
	c := New(Config{Source: &fake{}, Password: password})
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9464}
	of := func(c *Console, change func(r *http.Request)) int {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9464/admin/generations/"+rowID, nil)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, loopback))
		r.RemoteAddr = "127.0.0.1:50000"
		change(r)
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, http.StatusOK, of(c, func(*http.Request) {}))
	require.Equal(t, http.StatusUnauthorized, of(c, func(r *http.Request) { r.ProtoMinor = 0 }))
	require.Equal(t, http.StatusUnauthorized, of(c, func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }))
	proxied := New(Config{Source: &fake{}, ProxyHeader: "X-Auth-User", Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	require.Equal(t, http.StatusUnauthorized, of(proxied, func(*http.Request) {}))
	require.Equal(t, http.StatusOK, of(proxied, func(r *http.Request) { r.Header.Set("X-Auth-User", "somebody") }))
}

// However many ask for rows, the passes keep their connections to the database.
func TestFewStoriesAreReadAtOnce(t *testing.T) {
	t.Parallel()
	const all = 5 * maxStories
	begun, release := make(chan struct{}, all), make(chan struct{})
	var now, most atomic.Int64
	source := &fake{explaining: func() {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		begun <- struct{}{}
		<-release
		now.Add(-1)
	}}
	base, client := server(t, Config{Source: source})
	codes := make(chan int, all)
	for range all {
		go func() {
			resp, err := client.Get(base + "/admin/generations/" + rowID)
			if err != nil {
				codes <- 0
				return
			}
			_ = resp.Body.Close()
			codes <- resp.StatusCode
		}()
	}
	for range maxStories {
		<-begun
	}
	close(release)
	for range all {
		require.Equal(t, http.StatusOK, <-codes)
	}
	require.LessOrEqual(t, most.Load(), int64(maxStories))
}

package upstream

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/task"
)

const testKey = "k3y/with+odd=chars-0123456789"

type bundle struct {
	client *Client
	server *httptest.Server
	reg    *prometheus.Registry
	log    *bytes.Buffer
}

// setup serves handler and returns a client for it.
func setup(t *testing.T, handler http.HandlerFunc, change ...func(*Config)) *bundle {
	t.Helper()
	b := &bundle{server: httptest.NewServer(handler), reg: prometheus.NewRegistry(), log: &bytes.Buffer{}}
	t.Cleanup(b.server.Close)
	cfg := Config{
		Provider: "p", BaseURL: b.server.URL, APIKey: testKey, Registerer: b.reg,
		Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	b.client, err = NewClient(cfg)
	require.NoError(t, err)
	t.Cleanup(b.client.CloseIdle)
	return b
}

func (b *bundle) get(t *testing.T) error { return b.client.Get(t.Context(), "/x", nil, accept) }

func (b *bundle) fails(t *testing.T, read Reader) *task.Failure {
	t.Helper()
	err := b.client.Get(t.Context(), "/x", url.Values{"taskId": {"id-1"}}, read)
	var f *task.Failure
	require.ErrorAs(t, err, &f)
	return f
}

func (b *bundle) counted(t *testing.T, code string) {
	t.Helper()
	want := fmt.Sprintf("# HELP tasksync_upstream_requests_total Calls sent to the provider, by the code of the response or what came instead of one.\n"+
		"# TYPE tasksync_upstream_requests_total counter\ntasksync_upstream_requests_total{code=%q,provider=\"p\"} 1\n", code)
	require.NoError(t, testutil.GatherAndCompare(b.reg, strings.NewReader(want), "tasksync_upstream_requests_total"))
}

func write(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+testKey || r.Header.Get("User-Agent") != "tasksync" ||
			r.Header.Get("Accept") != "application/json" {
			w.WriteHeader(http.StatusTeapot)
		}
		w.Header().Set("Retry-After", "3")
		_ = json.NewEncoder(w).Encode([]string{r.Method, r.URL.Path, r.URL.Query().Get("taskId")})
	}, func(c *Config) { c.BaseURL += "/base/" })
	var got Answer
	err := b.client.Get(t.Context(), "/api/x", url.Values{"taskId": {"a&b=c/ü"}}, func(ans Answer) (int, *task.Failure) {
		got = ans
		return 200, nil
	})
	require.NoError(t, err)
	require.Equal(t, 200, got.Status)
	require.Equal(t, 3*time.Second, got.RetryAfter)
	require.JSONEq(t, `["GET","/base/api/x","a&b=c/ü"]`, string(got.Body))
	b.counted(t, "200")
}

func TestPost(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		var in map[string][]string
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&in) != nil {
			w.WriteHeader(http.StatusTeapot)
		}
		_ = json.NewEncoder(w).Encode(in["ids"])
	})
	var got []string
	err := b.client.Post(t.Context(), "/x", map[string]any{"ids": []string{"a", "b"}}, func(ans Answer) (int, *task.Failure) {
		return 0, badIf(json.Unmarshal(ans.Body, &got))
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, got)
	require.ErrorContains(t, b.client.Post(t.Context(), "/x", func() {}, accept), "encode the request")
}

func badIf(err error) *task.Failure {
	if err != nil {
		return BadBody(err.Error())
	}
	return nil
}

func TestUnreadableAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		handler  http.HandlerFunc
		verdict  task.Verdict
		reason   string
		label    string
		contains []string
	}{
		"HTML":           {write(200, "text/html", "<html><h1>Hi"), task.Transient, ReasonBadBody, "bad_body", []string{"HTTP 200", "text/html", `"<html><h1>Hi"`}},
		"empty":          {write(200, "application/json", ""), task.Transient, ReasonBadBody, "bad_body", []string{"HTTP 200", "empty"}},
		"cut JSON":       {write(200, "application/json", `{"code":20`), task.Transient, ReasonBadBody, "bad_body", []string{"$ at byte 10: cut"}},
		"binary":         {write(200, "image/png", "\x89PNG\x00\xff"), task.Transient, ReasonBadBody, "bad_body", []string{"image/png"}},
		"HTML 502":       {write(502, "text/html", "<html>bad gateway"), task.Transient, ReasonHTTP5xx, "502", []string{"HTTP 502", "bad gateway"}},
		"JSON 500":       {write(500, "application/json", `{"oops":1}`), task.Transient, ReasonHTTP5xx, "500", []string{"HTTP 500", "oops"}},
		"HTML 404":       {write(404, "text/html", "nope"), task.Transient, ReasonNoCall, "404", []string{"HTTP 404", "nope", "check the API URL"}},
		"JSON 405":       {write(405, "application/json", `{}`), task.Transient, ReasonNoCall, "405", []string{"HTTP 405", "check the API URL"}},
		"HTML 501":       {write(501, "text/html", "<html>"), task.Transient, ReasonNoCall, "501", []string{"HTTP 501", "check the API URL"}},
		"JSON 402":       {write(402, "application/json", `{}`), task.Account, "credits", "402", []string{"HTTP 402"}},
		"JSON 408":       {write(408, "application/json", `{}`), task.Transient, ReasonTimeout, "408", []string{"HTTP 408"}},
		"JSON 425":       {write(425, "application/json", `{}`), task.Transient, ReasonHTTP4xx, "4xx", []string{"HTTP 425"}},
		"HTML 429":       {write(429, "text/html", "slow"), task.Transient, ReasonRateLimited, "429", []string{"HTTP 429"}},
		"JSON 401":       {write(401, "application/json", `{}`), task.Account, ReasonUnauthorized, "401", []string{"HTTP 401"}},
		"HTML 403":       {write(403, "text/html", "denied"), task.Account, ReasonUnauthorized, "403", []string{"HTTP 403"}},
		"odd status":     {write(299, "application/json", `no`), task.Transient, ReasonBadBody, "bad_body", []string{"HTTP 299"}},
		"unknown status": {write(418, "application/json", `{}`), task.Transient, ReasonHTTP4xx, "4xx", []string{"HTTP 418"}},
		"cut short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"code":200`))
		}, task.Transient, ReasonBadBody, "bad_body", []string{"broke off after 11 bytes"}},
		"no response": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, task.Transient, ReasonNetwork, "network", []string{"EOF"}},
		"10 MB":       {write(200, "application/json", `"`+strings.Repeat("x", 10<<20)+`"`), task.Transient, ReasonTooLarge, "too_large", []string{"larger than the limit of 4194304 bytes"}},
		"no gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("this is no gzip at all"))
		}, task.Transient, ReasonBadBody, "bad_body", []string{"gzip"}},
		"gzip bomb": {zipped(bytes.Repeat([]byte("1"), 20<<20)), task.Transient, ReasonTooLarge, "too_large", []string{"larger than the limit"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, tc.handler)
			f := b.fails(t, accept)
			require.Equal(t, tc.verdict.String(), f.Verdict.String())
			require.Equal(t, tc.reason, f.Reason)
			for _, part := range tc.contains {
				require.Contains(t, f.Message, part)
			}
			require.NotContains(t, f.Error(), b.server.URL)
			require.NotContains(t, f.Error(), "id-1")
			b.counted(t, tc.label)
		})
	}
}

func zipped(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			w.WriteHeader(http.StatusTeapot)
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(body)
		_ = z.Close()
	}
}

func TestGzipAndByteOrderMark(t *testing.T) {
	t.Parallel()
	b := setup(t, zipped([]byte("\xef\xbb\xbf{\"code\":200}")))
	require.NoError(t, b.client.Get(t.Context(), "/x", nil, func(ans Answer) (int, *task.Failure) {
		return 200, badIf(json.Unmarshal(ans.Body, new(map[string]int)))
	}))
}

func TestReaderHasTheLastWord(t *testing.T) {
	t.Parallel()
	says := func(v task.Verdict, reason string) Reader {
		return func(Answer) (int, *task.Failure) { return 430, &task.Failure{Verdict: v, Reason: reason} }
	}
	for name, tc := range map[string]struct {
		status int
		read   Reader
		want   task.Verdict
		label  string
	}{
		"account by its own code":      {200, says(task.Account, "credits"), task.Account, "430"},
		"transient in a 429":           {429, says(task.Transient, "busy"), task.Transient, "430"},
		"refused content in a 403":     {403, says(task.Permanent, "refused"), task.Permanent, "430"},
		"a 403 is no transient one":    {403, says(task.Transient, "unknown_code"), task.Account, "430"},
		"unknown task in a 404":        {404, says(task.UnknownTask, "unknown_task"), task.UnknownTask, "430"},
		"a body of which it knows not": {200, says(task.Transient, ReasonBadBody), task.Transient, "bad_body"},
		"nor of its status":            {429, says(task.Transient, ReasonBadBody), task.Transient, "430"},
		"panic": {200, func(Answer) (int, *task.Failure) {
			var none []int
			return none[3], nil
		}, task.Transient, "bad_body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, write(tc.status, "application/json", `{}`))
			f := b.fails(t, tc.read)
			require.Equal(t, tc.want.String(), f.Verdict.String())
			b.counted(t, tc.label)
		})
	}
}

func TestSlowUpstream(t *testing.T) {
	t.Parallel()
	brief := func(c *Config) { c.Timeout = 50 * time.Millisecond }
	hang := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	trickle := func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"code":`))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	for name, handler := range map[string]http.HandlerFunc{"no header": hang, "half a body": trickle} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, handler, brief)
			f := b.fails(t, accept)
			require.Equal(t, ReasonTimeout, f.Reason)
			require.Equal(t, task.Transient, f.Verdict)
			require.Contains(t, f.Message, "50ms")
			b.counted(t, "timeout")
		})
	}
}

func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := setup(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	err := b.client.Get(ctx, "/x", nil, accept)
	require.ErrorIs(t, err, context.Canceled)
	_, isFailure := errors.AsType[*task.Failure](err)
	require.False(t, isFailure)
	b.counted(t, "canceled")
	require.ErrorIs(t, b.client.Get(ctx, "/x", nil, accept), context.Canceled, "also before it is sent")
}

func TestNoServerListens(t *testing.T) {
	t.Parallel()
	b := setup(t, accept200)
	b.server.Close()
	f := b.fails(t, accept)
	require.Equal(t, ReasonNetwork, f.Reason)
	require.Contains(t, f.Message, "connection refused")
	require.NotContains(t, f.Message, "id-1")
}

func accept200(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }

func TestRedirects(t *testing.T) {
	t.Parallel()
	var leaked []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked = append(leaked, r.Header.Get("Authorization"))
		accept200(w, r)
	}))
	t.Cleanup(other.Close)
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL+"/?key="+url.QueryEscape(testKey), http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			accept200(w, r)
		}
	})
	require.NoError(t, b.client.Get(t.Context(), "/here", nil, accept))
	for _, path := range []string{"/away", "/loop"} {
		var f *task.Failure
		require.ErrorAs(t, b.client.Get(t.Context(), path, nil, accept), &f)
		require.Equal(t, ReasonBadBody, f.Reason)
		require.Contains(t, f.Message, "redirect")
	}
	require.Empty(t, leaked, "nobody else was asked, with or without the key")
}

func TestConfigNamesTheWrongField(t *testing.T) {
	t.Parallel()
	good := Config{Provider: "p", BaseURL: "https://api.example", APIKey: "k"}
	for field, change := range map[string]func(*Config){
		"Provider":    func(c *Config) { c.Provider = "" },
		"APIKey":      func(c *Config) { c.APIKey = "sec ret" },
		"Timeout":     func(c *Config) { c.Timeout = -1 },
		"MaxBody":     func(c *Config) { c.MaxBody = -1 },
		"Concurrency": func(c *Config) { c.Concurrency = -1 },
		"Window":      func(c *Config) { c.Window = -1 },
		"BaseURL":     func(c *Config) { c.BaseURL = "" },
	} {
		cfg := good
		change(&cfg)
		_, err := NewClient(cfg)
		require.ErrorContains(t, err, field+": ")
	}
	for _, base := range []string{"api.example", "/x", "ftp://api.example", "https://", "https://u:sec ret@h", "https://u:secret@h", "https://h?secret=1", "https://h/%zz"} {
		cfg := good
		cfg.BaseURL = base
		_, err := NewClient(cfg)
		require.ErrorContains(t, err, "BaseURL: ", base)
		require.NotContains(t, err.Error(), "sec", base)
	}
	good.APIKey = "\tk \n" // as a file may hold it
	c, err := NewClient(good)
	require.NoError(t, err)
	require.Equal(t, "k", c.cred.key)
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"5":                             5 * time.Second,
		" 1.5 ":                         1500 * time.Millisecond,
		"-5":                            0,
		"soon":                          0,
		"NaN":                           0,
		"Inf":                           maxRetryAfter,
		"86400":                         maxRetryAfter,
		"Tue, 01 Sep 2026 12:00:30 GMT": 30 * time.Second,
		"Tue, 01 Sep 2026 11:00:00 GMT": 0,
		"Tue, 01 Sep 2099 11:00:00 GMT": maxRetryAfter,
	} {
		require.Equal(t, want, retryAfter(http.Header{"Retry-After": {value}}, now), value)
	}
}

func TestMetricsPassTheLinterAndAreShared(t *testing.T) {
	t.Parallel()
	b := setup(t, accept200)
	require.NoError(t, b.get(t))
	problems, err := testutil.GatherAndLint(b.reg)
	require.NoError(t, err)
	require.Empty(t, problems)
	for _, provider := range []string{"p", "q"} { // a second credential, a second provider
		_, err = NewClient(Config{Provider: provider, BaseURL: b.server.URL, Registerer: b.reg})
		require.NoError(t, err)
	}
	require.NoError(t, b.reg.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: "else", Help: "x"})))

	taken := prometheus.NewRegistry()
	taken.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "tasksync_upstream_requests_total", Help: "x"}))
	_, err = NewClient(Config{Provider: "p", BaseURL: b.server.URL, Registerer: taken})
	require.ErrorContains(t, err, "register metrics")
}

func TestCodeLabelsAreAClosedSet(t *testing.T) {
	t.Parallel()
	labels := map[string]bool{}
	for code := -1000; code < 100_000; code++ {
		labels[codeLabel(code, 200)] = true
	}
	require.LessOrEqual(t, len(labels), 30)
	require.Equal(t, "502", codeLabel(0, 502))
	require.Equal(t, "4xx", codeLabel(434, 200))
	require.Equal(t, labelOther, codeLabel(7, 200))
}

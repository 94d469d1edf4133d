package cdn

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func newTestProber(t *testing.T, cfg ProberConfig) *Prober {
	t.Helper()
	cfg.Allow = append(cfg.Allow, netip.MustParsePrefix("127.0.0.0/8"))
	p := NewProber(cfg)
	t.Cleanup(p.CloseIdle)
	return p
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

func write(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status      int
		contentType string
		body        string
		want        task.Probe
	}{
		"audio in part":       {206, "audio/mpeg", "ID", task.ProbePlayable},
		"audio":               {200, "Audio/MP4; x=y", "anything at all, and much of it", task.ProbePlayable},
		"octets of mp3":       {206, "application/octet-stream", "ID", task.ProbePlayable},
		"octets of a frame":   {206, "binary/octet-stream", "\xff\xfb", task.ProbePlayable},
		"octets of mp4":       {200, "application/octet-stream", "\x00\x00\x00\x20ftypM4A ", task.ProbePlayable},
		"octets of WAV":       {200, "application/octet-stream", "RIFF\x00\x00\x00\x00WAVE", task.ProbePlayable},
		"octets of something": {200, "application/octet-stream", "RIFF\x00\x00\x00\x00AVI ", task.ProbeDead},
		"the sentinel's XML":  {200, "application/xml", "<Error>", task.ProbeDead},
		"HTML":                {200, "text/html", "<html>", task.ProbeDead},
		"empty audio":         {200, "audio/mpeg", "", task.ProbeDead},
		"401":                 {401, "audio/mpeg", "ID", task.ProbeDead},
		"403":                 {403, "application/xml", "Missing Key-Pair-Id", task.ProbeDead},
		"404":                 {404, "text/plain", "no", task.ProbeDead},
		"410":                 {410, "text/plain", "no", task.ProbeDead},
		"416":                 {416, "audio/mpeg", "", task.ProbeDead},
		"408":                 {408, "text/plain", "", task.ProbeNoAnswer},
		"429":                 {429, "text/plain", "", task.ProbeNoAnswer},
		"500":                 {500, "text/plain", "", task.ProbeNoAnswer},
		"503":                 {503, "audio/mpeg", "ID", task.ProbeNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") != "bytes=0-1" || r.Header.Get("Authorization") != "" {
					w.WriteHeader(http.StatusTeapot)
					return
				}
				write(tc.status, tc.contentType, tc.body)(w, r)
			})
			require.Equal(t, tc.want, newTestProber(t, ProberConfig{}).Probe(t.Context(), at+"/a.mp3"))
		})
	}
}

func TestProbeWithoutAnswer(t *testing.T) {
	t.Parallel()
	p := newTestProber(t, ProberConfig{Timeout: 50 * time.Millisecond, Concurrency: 1})
	hang := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	require.Equal(t, task.ProbeNoAnswer, p.Probe(t.Context(), hang))
	cut := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	require.Equal(t, task.ProbeNoAnswer, p.Probe(t.Context(), cut))
	broken := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusOK)
	})
	require.Equal(t, task.ProbeNoAnswer, p.Probe(t.Context(), broken))
	p.flight <- struct{}{} // all places are taken
	require.Equal(t, task.ProbeNoAnswer, p.Probe(t.Context(), cut))
}

func TestProbeAsksNothingInside(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	inside := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		write(200, "audio/mpeg", "ID3")(w, r)
	})
	port := inside[strings.LastIndex(inside, ":")+1:]
	p := NewProber(ProberConfig{})
	t.Cleanup(p.CloseIdle)
	for _, u := range []string{
		inside, "http://[::ffff:127.0.0.1]:" + port, "http://0.0.0.0:" + port, "http://[::1]:" + port,
		"ftp://example.com/a", "file:///etc/passwd", "http://user:pw@example.com/", "http://", "a.mp3", "http://%zz", "", "http://[fe80::1%25lo]/",
	} {
		require.Equal(t, task.ProbeDead, p.Probe(t.Context(), u), u)
	}
	require.Equal(t, task.ProbeNoAnswer, p.Probe(t.Context(), "http://localhost:"+port), "a name is refused at connect time")
	require.Zero(t, asked.Load())
}

func TestProbeChecksEachRedirect(t *testing.T) {
	t.Parallel()
	var hops atomic.Int32
	var at string
	at = serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/name":
			http.Redirect(w, r, strings.Replace(at, "127.0.0.1", "[::1]", 1), http.StatusFound)
		case "/loop":
			hops.Add(1)
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/1", "/2", "/3":
			http.Redirect(w, r, string(rune(r.URL.Path[1]-1)), http.StatusFound)
		default:
			write(200, "audio/mpeg", "ID3")(w, r)
		}
	})
	p := newTestProber(t, ProberConfig{})
	for path, want := range map[string]task.Probe{
		"/metadata": task.ProbeDead, "/file": task.ProbeDead, "/name": task.ProbeDead,
		"/loop": task.ProbeDead, "/3": task.ProbePlayable,
	} {
		require.Equal(t, want, p.Probe(t.Context(), at+path), path)
	}
	require.EqualValues(t, 4, hops.Load(), "three redirects were followed")
}

func TestProbesAreRemembered(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	status := atomic.Int32{}
	status.Store(503)
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		write(int(status.Load()), "audio/mpeg", "ID3")(w, r)
	})
	p := newTestProber(t, ProberConfig{})
	require.Equal(t, task.ProbeNoAnswer, p.Probe(t.Context(), at))
	status.Store(200)
	require.Equal(t, task.ProbePlayable, p.Probe(t.Context(), at))
	require.Equal(t, task.ProbePlayable, p.Probe(t.Context(), at))
	require.EqualValues(t, 2, asked.Load(), "no answer is not remembered, an answer is")
}

func TestProbeCacheIsBounded(t *testing.T) {
	t.Parallel()
	var c probeCache
	now := time.Unix(0, 0)
	for i := range 3 * cacheSize {
		c.put(strconv.Itoa(i), task.ProbeDead, now)
	}
	known := 0
	for i := range 3 * cacheSize {
		if _, ok := c.get(strconv.Itoa(i), now); ok {
			known++
		} else {
			require.Less(t, i, 2*cacheSize, "one of the latest results is forgotten")
		}
	}
	require.LessOrEqual(t, known, 2*cacheSize)
	c.put("a", task.ProbePlayable, now)
	c.put("a", task.ProbeDead, now)
	found, ok := c.get("a", now.Add(cacheFor-time.Second))
	require.True(t, ok)
	require.Equal(t, task.ProbeDead, found)
	_, ok = c.get("a", now.Add(cacheFor))
	require.False(t, ok)
}

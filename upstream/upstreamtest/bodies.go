package upstreamtest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
)

// testBodies answers every call with a body that is not the expected one.
func testBodies(t *testing.T, s Subject) {
	for name, tc := range map[string]struct {
		body   string
		says   string // in the message
		reason string // default bad_body
	}{
		"HTML":         {"<html><body>Just a moment...</body></html>", "<html>", ""},
		"empty":        {"", "empty", ""},
		"blank":        {" \r\n", "200", ""},
		"gzip":         {zipped("{}"), "200", ""},
		"truncated":    {`{"code":200,"data":{"status":"SUC`, "200", ""},
		"10 MB":        {`{"code":200,"data":"` + strings.Repeat("x", 10<<20) + `"}`, "larger", upstream.ReasonTooLarge},
		"a word":       {"OK", "OK", ""},
		"two objects":  {`{"code":200}{"code":200}`, "200", ""},
		"10,000 deep":  {strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), "200", ""},
		"a wrong kind": {`7`, "200", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fetchBody(t, s, http.StatusOK, tc.body)
			require.NotNil(t, f)
			require.Equal(t, task.Transient, f.Verdict, f)
			require.Equal(t, cmp.Or(tc.reason, upstream.ReasonBadBody), f.Reason)
			require.Contains(t, f.Message, tc.says)
			require.LessOrEqual(t, len(f.Message), 1<<10)
		})
	}
	t.Run("a page at 5xx", func(t *testing.T) {
		t.Parallel()
		f := fetchBody(t, s, http.StatusBadGateway, "<html>")
		require.NotNil(t, f)
		require.Equal(t, task.Transient, f.Verdict, f)
		require.Equal(t, upstream.ReasonHTTP5xx, f.Reason)
		require.Contains(t, f.Message, "502")
	})
	t.Run("JSON of any other shape", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{
			`null`, `true`, `"x"`, `[]`, `{}`, `[null]`, `[[]]`, `[{}]`, `{"":0}`, `{"data":null}`, `{"data":[]}`, `{"data":{}}`,
			`{"data":[null,1,"x",[],{}]}`, `{"items":null}`, `{"items":{}}`, `{"clips":7}`, `{"error":{}}`, `{"detail":"x"}`,
			`{"code":"success","data":"T"}`, `{"code":1e99,"data":{"status":7}}`, `{"success":true}`, `{"response":{}}`,
		} {
			f := fetchBody(t, s, http.StatusOK, body)
			if f != nil {
				require.Contains(t, []task.Verdict{task.Transient, task.UnknownTask}, f.Verdict, body)
			}
		}
	})
	s.run(t, "gzip as agreed", testGzip)
}

// fetchBody fetches one task from a server that answers with that status and body,
// asserts that the task did not end, and returns its failure.
func fetchBody(t *testing.T, s Subject, status int, body string) (f *task.Failure) {
	t.Helper()
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	synctest.Test(t, func(t *testing.T) {
		w := &world{subject: s, adapter: s.open(t, upstream.Config{BaseURL: server.URL, APIKey: key})}
		ref := task.Ref{TaskID: "11111111-1111-4111-8111-111111111111", Type: w.taskType()}
		seen, err := w.fetch(t.Context(), t, ref)
		f = failureOf(ref.TaskID, seen, err)
		obs := seen[ref.TaskID]
		require.False(t, obs.Status.Terminal(), "%s: %+v", body, obs)
		require.Empty(t, obs.Items, body)
	})
	return f
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

// testGzip compresses a good answer, as the client offers.
func testGzip(t *testing.T, w *world) {
	ref := w.submit(1)[0]
	plain := w.server.Config.Handler
	w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			plain.ServeHTTP(rw, r)
			return
		}
		z := gzip.NewWriter(rw)
		defer z.Close()
		rw.Header().Set("Content-Encoding", "gzip")
		plain.ServeHTTP(zipWriter{rw, z}, r)
	})
	w.fetchReady(t, ref)
}

type zipWriter struct {
	http.ResponseWriter
	z *gzip.Writer
}

// Write compresses. The header Content-Length is of the plain body, so it is deleted.
func (w zipWriter) Write(p []byte) (int, error) {
	w.Header().Del("Content-Length")
	return w.z.Write(p)
}

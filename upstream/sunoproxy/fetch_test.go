package sunoproxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
)

// server is a proxy whose batch call can be broken.
type server struct {
	mu     sync.Mutex
	broken string   // the answer to the batch call: "404", "<html>", …
	absent []string // ids that the batch call leaves out and the single call does not know
	calls  []string // "2 MUSIC", "GET a"
}

func (s *server) breakBatch(with string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.calls = with, nil
}

func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.calls)
	return s.calls
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, single := strings.CutPrefix(r.URL.Path, "/suno/fetch/"); single {
		s.calls = append(s.calls, "GET "+id)
		if slices.Contains(s.absent, id) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"code":"invalid_request","message":"task not exist","data":null}`))
			return
		}
		_, _ = fmt.Fprintf(w, `{"code":"success","data":{"task_id":%q,"status":"QUEUED"}}`, id)
		return
	}
	var req payload
	_ = json.NewDecoder(r.Body).Decode(&req)
	s.calls = append(s.calls, fmt.Sprint(len(req.IDs), " ", req.Action))
	var status int
	switch _, err := fmt.Sscanf(s.broken, "%d", &status); {
	case err == nil:
		w.WriteHeader(status)
		_, _ = w.Write([]byte(strings.TrimLeft(s.broken, "0123456789 ")))
	case s.broken != "":
		_, _ = w.Write([]byte(s.broken))
	default:
		var tasks []string
		for _, id := range req.IDs {
			if !slices.Contains(s.absent, id) {
				tasks = append(tasks, fmt.Sprintf(`{"task_id":%q,"status":"QUEUED"}`, id))
			}
		}
		_, _ = fmt.Fprintf(w, `{"code":"success","data":[%s]}`, strings.Join(tasks, ","))
	}
}

func TestFetchGroupsByAction(t *testing.T) {
	t.Parallel()
	s := &server{absent: []string{"t7"}}
	b := setup(t, s.ServeHTTP)
	var all []task.Ref
	for i := range 230 {
		all = append(all, task.Ref{TaskID: fmt.Sprint("t", i), Type: []task.Type{task.Generate, task.Extend, task.Replace, task.Merge, "new"}[i%5]})
	}
	for i := range 30 {
		all = append(all, task.Ref{TaskID: fmt.Sprint("l", i), Type: task.Lyrics})
	}
	obs, err := b.adapter.Fetch(t.Context(), all)
	require.NoError(t, err)
	require.Len(t, obs, 259)
	require.NotContains(t, seen(obs), "t7", "what is missing was not reported")
	require.Equal(t, []string{"100 MUSIC", "100 MUSIC", "30 LYRICS", "30 MUSIC"}, s.seen())
}

// TestFetchLearns: what the adapter learns from the ways in which servers answer a
// call that they do not have.
func TestFetchLearns(t *testing.T) {
	t.Parallel()
	singly := []string{"GET a", "GET b", "GET c"}
	once := append([]string{"3 MUSIC"}, singly...)
	halves := append([]string{"2 MUSIC"}, once...)
	for name, tc := range map[string]struct {
		first, then []string // the calls of a first Fetch, and of the next
		later       []string // the calls of a Fetch after the batch call has been answered
	}{
		"404":                                    {once, singly, once},
		`404 {"error":{"message":"no"}}`:         {once, singly, once},
		"405 Method Not Allowed":                 {once, singly, once},
		`400 {"code":"x","message":"bad"}`:       {once, singly, halves},
		"<html>":                                 {once, singly, halves},
		`{"code":"success","data":[{"id":"c"}]}`: {once, singly, halves},
		"503":                                    {halves, halves, halves},
		`503 {"code":"x"}`:                       {halves, halves, halves},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{}
			b := setup(t, s.ServeHTTP)
			ask := func(b *bundle) []string {
				_, _ = b.adapter.Fetch(t.Context(), refs("a", "b", "c"))
				calls := s.seen()
				slices.Sort(calls)
				return calls
			}
			want := func(calls []string) []string { return slices.Sorted(slices.Values(calls)) }
			s.breakBatch(name)
			require.Equal(t, want(tc.first), ask(b))
			s.breakBatch(name)
			require.Equal(t, want(tc.then), ask(b))

			b = setup(t, s.ServeHTTP)
			s.breakBatch("")
			require.Equal(t, []string{"3 MUSIC"}, ask(b))
			s.breakBatch(name)
			require.Equal(t, want(tc.later), ask(b))
		})
	}
}

// TestFetchForgets: a mistake does not cost single calls for good.
func TestFetchForgets(t *testing.T) {
	t.Parallel()
	s := &server{}
	outside := httptest.NewServer(s)
	outside.Config.SetKeepAlivesEnabled(false)
	defer outside.Close()
	synctest.Test(t, func(t *testing.T) {
		a, err := open(upstream.Config{BaseURL: outside.URL, Requests: -1})
		require.NoError(t, err)
		fetch := func() []string {
			_, err := a.Fetch(t.Context(), refs("a"))
			require.NoError(t, err)
			return s.seen()
		}
		s.breakBatch("404")
		require.Equal(t, []string{"1 MUSIC", "GET a"}, fetch())
		s.breakBatch("")
		time.Sleep(forgetAfter - time.Second)
		require.Equal(t, []string{"GET a"}, fetch())
		s.breakBatch("")
		time.Sleep(time.Second)
		require.Equal(t, []string{"1 MUSIC"}, fetch())
		s.breakBatch("")
		require.Equal(t, []string{"1 MUSIC"}, fetch())
	})
}

// TestOneBadIDHidesNoOther: a server that fails the whole batch for one id is asked
// in halves, and in batches again the next time.
func TestOneBadIDHidesNoOther(t *testing.T) {
	t.Parallel()
	s := &server{absent: []string{"b"}}
	b := setup(t, s.ServeHTTP)
	_, err := b.adapter.Fetch(t.Context(), refs("a"))
	require.NoError(t, err)
	s.breakBatch(`400 {"code":"invalid_request","message":"task not exist"}`)
	obs, err := b.adapter.Fetch(t.Context(), refs("a", "b", "c"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "queued", "b": "unknown_task unknown_task", "c": "queued"}, seen(obs))
	s.breakBatch("")
	_, err = b.adapter.Fetch(t.Context(), refs("a", "c"))
	require.NoError(t, err)
	require.Equal(t, []string{"2 MUSIC"}, s.seen())
}

// TestTooLargeAnAnswerIsAskedForInHalves, and by a single call where one task is too
// much.
func TestTooLargeAnAnswerIsAskedForInHalves(t *testing.T) {
	t.Parallel()
	s := &server{}
	b := setup(t, s.ServeHTTP)
	small := func(limit int64) *Adapter {
		a, err := open(upstream.Config{BaseURL: b.url, Requests: -1, MaxBody: limit})
		require.NoError(t, err)
		t.Cleanup(a.CloseIdle)
		return a
	}
	const four = 170
	a := small(four)
	for range 2 {
		s.breakBatch("")
		obs, err := a.Fetch(t.Context(), refs("a", "b", "c", "d", "e", "f", "g", "h"))
		require.NoError(t, err)
		require.Len(t, seen(obs), 8)
		require.Equal(t, []string{"4 MUSIC", "4 MUSIC", "8 MUSIC"}, s.seen(), "nothing is learnt by it")
	}

	a = small(four)
	s.breakBatch(`{"code":"success","data":[` + strings.Repeat(" ", four) + `]}`) // too large for any number of tasks
	obs, err := a.Fetch(t.Context(), refs("a", "b", "c", "d"))
	require.NoError(t, err)
	require.Len(t, seen(obs), 4)
	require.Equal(t, []string{"2 MUSIC", "2 MUSIC", "4 MUSIC", "GET a", "GET b", "GET c", "GET d"}, s.seen())
}

// TestWrongBaseURL: where neither call is answered in the format, nothing is learnt,
// and one call more than the batch call is made.
func TestWrongBaseURL(t *testing.T) {
	t.Parallel()
	var calls int
	b := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		http.Error(w, "404 page not found", http.StatusNotFound)
	})
	for want := 2; want <= 4; want += 2 {
		obs, err := b.adapter.Fetch(t.Context(), refs("a", "b", "c"))
		var f *task.Failure
		require.ErrorAs(t, err, &f)
		require.Equal(t, "no_such_call", f.Reason)
		require.Equal(t, map[string]string{"a": "transient no_such_call", "b": "transient no_such_call", "c": "transient no_such_call"}, seen(obs))
		require.Equal(t, want, calls)
	}
	require.NotContains(t, b.log.String(), "no batch call")
}

func TestKeyIsShownNowhere(t *testing.T) {
	t.Parallel()
	echo := "the key " + testKey + " of https://h/a?token=abc"
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+testKey {
			t.Error("the key is not sent")
		}
		_, _ = fmt.Fprintf(w, `{"code":"success","data":[{"task_id":"a","status":%q},{"task_id":"b","status":"FAILURE","fail_reason":%q},
			{"task_id":"c","status":"IN_PROGRESS","data":[{"id":"x","status":"error","metadata":{"error_message":%q}}]}]}`, testKey, echo, echo)
	})
	obs, err := b.adapter.Fetch(t.Context(), refs("a", "b", "c"))
	require.NoError(t, err)
	require.Len(t, obs, 3)
	text := fmt.Sprintf("%+v %+v %v %s", obs, b.adapter, upstream.Config{APIKey: testKey}, b.log)
	for _, o := range obs {
		text += fmt.Sprint(o.Raw, o.Failure)
		for _, it := range o.Items {
			text += fmt.Sprint(it.Failure)
		}
	}
	require.NotContains(t, text, testKey)
	require.NotContains(t, text, "token=abc")
	require.Contains(t, text, "[redacted]")
}

func TestConfigNamesTheWrongField(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]upstream.Config{
		"BaseURL: required":       {APIKey: "k"},
		"BaseURL: not an abs":     {BaseURL: "api"},
		"Timeout: negative":       {BaseURL: "http://h", Timeout: -1},
		"APIKey: holds a space, ": {BaseURL: "http://h", APIKey: "k k"},
	} {
		_, err := open(cfg)
		require.ErrorContains(t, err, field)
	}
}

// TestIDsStayInTheirPlace: no id leads the single call to another path.
func TestIDsStayInTheirPlace(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var paths []string
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		paths = append(paths, r.URL.EscapedPath()+"?"+r.URL.RawQuery)
		_, _ = w.Write([]byte(data(`{"status":"QUEUED","progress":"0%"}`)))
	})
	obs, err := b.adapter.Fetch(t.Context(), refs("../../x", "a/b?c=d#e", "%2e%2e", "ü", "..", "."))
	require.NoError(t, err)
	require.Len(t, obs, 6)
	slices.Sort(paths)
	require.Equal(t, []string{"/suno/fetch/%252e%252e?", "/suno/fetch/%C3%BC?", "/suno/fetch/..%2F..%2Fx?", "/suno/fetch/a%2Fb%3Fc=d%23e?"}, paths)
}

package acedata

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
)

// provider answers with a record for each task, or with the error of one of them for
// the whole call.
type provider struct {
	t       *testing.T
	records map[string]string // the record after its id; absent: not reported
	errors  map[string]string // by task: an HTTP status, a space, a body

	mu    sync.Mutex
	calls []payload
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked payload
	if r.Method != http.MethodPost || r.URL.Path != "/suno/tasks" || r.Header.Get("Authorization") != "Bearer "+testKey ||
		json.NewDecoder(r.Body).Decode(&asked) != nil {
		p.t.Errorf("unexpected call %s %s", r.Method, r.URL)
	}
	p.mu.Lock()
	p.calls = append(p.calls, asked)
	p.mu.Unlock()
	ids := asked.IDs
	if asked.Action == "retrieve" {
		ids = []string{asked.ID}
	}
	items := []string{}
	for _, id := range ids {
		if status, body, ok := strings.Cut(p.errors[id], " "); ok {
			var code int
			_, _ = fmt.Sscan(status, &code)
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
			return
		}
		if rest, ok := p.records[id]; ok {
			items = append(items, fmt.Sprintf(`{"id":%s,%s}`, quote(p.t, id), rest))
		}
	}
	body := fmt.Sprintf(`{"items":[%s],"count":%d}`, strings.Join(items, ","), len(items))
	if asked.Action == "retrieve" {
		body = strings.Join(append(items, "{}")[:1], "")
	}
	_, _ = w.Write([]byte(body))
}

// sizes returns how many tasks each call asked for, largest first.
func (p *provider) sizes() (sizes []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		switch {
		case c.Action == "retrieve" && c.ID != "" && c.IDs == nil:
			sizes = append(sizes, 1)
		case c.Action == "retrieve_batch" && c.ID == "" && len(c.IDs) > 1:
			sizes = append(sizes, len(c.IDs))
		default:
			p.t.Errorf("a bad request: %+v", c)
		}
	}
	slices.SortFunc(sizes, func(a, b int) int { return b - a })
	return sizes
}

func numbered(n int) (ids []string, records map[string]string) {
	records = map[string]string{}
	for i := range n {
		ids = append(ids, fmt.Sprintf("t%03d", i))
		records[ids[i]] = `"state":"pending"`
	}
	return ids, records
}

const badRequest = `400 {"success":false,"error":{"code":"bad_request","message":"id is not a valid UUID"},"trace_id":"x"}`

func TestFetch(t *testing.T) {
	t.Parallel()
	p := &provider{t: t, records: map[string]string{
		"done":    `"state":"complete","response":{"success":true,"data":[{"id":"a","state":"succeeded"}]}`,
		"a&b=c/ü": `"created_at":1`,
		"refused": `"response":{"success":false,"error":{"code":"bad_request","message":"Prompt likely copyrighted"}}`,
	}}
	b := setup(t, p.ServeHTTP)
	obs, err := b.adapter.Fetch(t.Context(), append(refs(
		"done", "a&b=c/ü", "absent", "refused", "done", "", strings.Repeat("x", 257), "a\nb", "\xff"),
		task.Ref{TaskID: "done", Type: task.Lyrics}))
	require.NoError(t, err)
	require.Len(t, obs, 8)
	require.Equal(t, map[string]string{
		"done": "complete", "a&b=c/ü": "processing", "refused": "permanent refused",
		"": "unknown_task bad_task_id", strings.Repeat("x", 257): "unknown_task bad_task_id",
		"a\nb": "unknown_task bad_task_id", "\xff": "unknown_task bad_task_id",
	}, seen(obs))
	require.Equal(t, []int{4}, p.sizes(), "what was named twice was asked once")
	at := slices.IndexFunc(obs, func(o task.Observation) bool { return o.TaskID == "refused" })
	require.Equal(t, task.Failed, obs[at].Status)
	require.Equal(t, task.Copyrighted, obs[at].Failure.Code)

	obs, err = b.adapter.Fetch(t.Context(), refs("done"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"done": "complete"}, seen(obs))
	obs, err = b.adapter.Fetch(t.Context(), refs("absent"))
	require.NoError(t, err)
	require.Empty(t, obs)
	obs, err = b.adapter.Fetch(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, obs)
	require.Equal(t, []int{4, 1, 1}, p.sizes())
}

func TestFetchInBatches(t *testing.T) {
	t.Parallel()
	ids, records := numbered(120)
	p := &provider{t: t, records: records}
	b := setup(t, p.ServeHTTP)
	require.Equal(t, 50, b.adapter.Limits().Batch)
	obs, err := b.adapter.Fetch(t.Context(), refs(ids...))
	require.NoError(t, err)
	require.Len(t, obs, 120)
	require.Equal(t, []int{50, 50, 20}, p.sizes())
	for _, o := range obs {
		require.Equal(t, task.Queued, o.Status)
	}
}

// TestOneBadIDHidesNoOther shows why a call that is a bad request is made again in
// halves: one id that the provider cannot read would keep 49 tasks from their end.
func TestOneBadIDHidesNoOther(t *testing.T) {
	t.Parallel()
	for _, bad := range []int{0, 17, 49} {
		ids, records := numbered(50)
		p := &provider{t: t, records: records, errors: map[string]string{ids[bad]: badRequest}}
		b := setup(t, p.ServeHTTP)
		obs, err := b.adapter.Fetch(t.Context(), refs(ids...))
		require.NoError(t, err)
		require.Len(t, obs, 50)
		for _, o := range obs {
			require.Equal(t, o.TaskID == ids[bad], o.Failure != nil)
		}
		require.Equal(t, "unknown_task unknown_task", seen(obs)[ids[bad]])
		require.LessOrEqual(t, len(p.sizes()), 1+2*6)
	}
}

// TestAllIsBad has a provider that calls every call a bad request: no task ends, and
// the search for the bad id stops.
func TestAllIsBad(t *testing.T) {
	t.Parallel()
	for n, calls := range map[int]int{50: 6, 2: 3} {
		ids, _ := numbered(n)
		p := &provider{t: t, errors: map[string]string{}}
		for _, id := range ids {
			p.errors[id] = badRequest
		}
		b := setup(t, p.ServeHTTP)
		obs, err := b.adapter.Fetch(t.Context(), refs(ids...))
		require.Error(t, err)
		require.LessOrEqual(t, len(p.sizes()), calls)
		require.Len(t, obs, n)
		for id, what := range seen(obs) {
			require.Equal(t, "transient bad_request", what, id)
		}
	}
}

// TestTooLargeAnAnswerIsAskedForInHalves has room for sixteen records in an answer.
func TestTooLargeAnAnswerIsAskedForInHalves(t *testing.T) {
	t.Parallel()
	ids, records := numbered(50)
	p := &provider{t: t, records: records}
	b := setup(t, p.ServeHTTP)
	small, err := open(upstream.Config{BaseURL: b.url, APIKey: testKey, Requests: -1, MaxBody: 540})
	require.NoError(t, err)
	t.Cleanup(small.CloseIdle)
	obs, err := small.Fetch(t.Context(), refs(ids...))
	require.NoError(t, err)
	require.Len(t, seen(obs), 50)
	require.Equal(t, []int{50, 25, 25, 13, 13, 12, 12}, p.sizes())

	records[ids[7]] = `"state":"pending","x":"` + strings.Repeat("x", 540) + `"`
	obs, err = small.Fetch(t.Context(), refs(ids[:12]...))
	require.NoError(t, err)
	require.Len(t, seen(obs), 12)
	require.Equal(t, "transient too_large", seen(obs)[ids[7]])
}

// TestPartialAnswersSurvive has one task of 150 break its call: with a failure that
// smaller calls avoid, or with one that concerns all tasks.
func TestPartialAnswersSurvive(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer string
		reason string
		mends  bool // all other tasks are observed
	}{
		"a server error":   {`500 {"success":false,"error":{"code":"api_error","message":"fetch failed"}}`, "http_5xx", true},
		"an HTML page":     {`200 <html>`, "bad_body", true},
		"other tasks":      {`200 {"items":[{"id":"x","state":"failed"}]}`, "bad_body", true},
		"a refusal":        {`403 {"success":false,"error":{"code":"forbidden","message":"Your tags contain artist name kuban"}}`, "refused", true},
		"an account text":  {`400 {"success":false,"error":{"code":"bad_request","message":"insufficient credits"}}`, "unknown_code", true},
		"the rate limit":   {`429 {"success":false,"error":{"code":"too_many_requests","message":"Too many requests"}}`, "rate_limited", false},
		"a refused key":    {`401 {"success":false,"error":{"code":"invalid_token","message":"x"}}`, "unauthorized", false},
		"want of credits":  {`403 {"success":false,"error":{"code":"forbidden","message":"The remaining credits are not enough."}}`, "unauthorized", false},
		"a mismatched key": {`400 {"success":false,"error":{"code":"token_mismatched","message":"x"}}`, "unauthorized", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids, records := numbered(150)
			p := &provider{t: t, records: records, errors: map[string]string{ids[60]: tc.answer}}
			b := setup(t, p.ServeHTTP)
			obs, err := b.adapter.Fetch(t.Context(), refs(ids...))
			_, _, paused := b.adapter.Paused()
			if tc.mends {
				require.NoError(t, err)
				require.Len(t, obs, 150)
				require.Contains(t, seen(obs)[ids[60]], tc.reason)
				require.LessOrEqual(t, len(p.sizes()), 3+2*6)
				require.False(t, paused)
				return
			}
			require.Len(t, obs, 50)
			require.Len(t, p.sizes(), 2)
			var f *task.Failure
			require.ErrorAs(t, err, &f)
			require.Equal(t, tc.reason, f.Reason)
			require.ErrorContains(t, err, "fetch from acedata")
			require.Less(t, f.Verdict, task.UnknownTask)
			require.Equal(t, f.Verdict == task.Account, paused)
		})
	}
}

func TestFetchKeepsToTheWindow(t *testing.T) {
	t.Parallel()
	ids, records := numbered(120)
	p := &provider{t: t, records: records}
	b := setup(t, p.ServeHTTP)
	a, err := open(upstream.Config{BaseURL: b.url, APIKey: testKey, Requests: 1, Window: time.Hour})
	require.NoError(t, err)
	a.fanOut = 1
	t.Cleanup(a.CloseIdle)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	obs, err := a.Fetch(ctx, refs(ids...))
	require.Len(t, obs, 50)
	require.Len(t, p.sizes(), 1)
	var f *task.Failure
	require.ErrorAs(t, err, &f)
	require.Equal(t, "rate_limited_locally", f.Reason)
}

func TestFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ids, records := numbered(120)
	p := &provider{t: t, records: records}
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int32
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 2 {
			_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not see that the client left
			cancel()
			<-r.Context().Done()
			return
		}
		p.ServeHTTP(w, r)
	})
	obs, err := b.adapter.Fetch(ctx, refs(ids...))
	require.Len(t, obs, 50)
	require.ErrorIs(t, err, context.Canceled)
	_, err = b.adapter.Fetch(ctx, refs("a"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestKeyIsShownNowhere(t *testing.T) {
	t.Parallel()
	echo := "the key " + testKey + " of https://h/a?token=abc"
	p := &provider{
		t: t,
		records: map[string]string{
			"a": `"state":"` + testKey + `"`,
			"b": `"response":{"success":false,"error":{"code":"api_error","message":"` + echo + `"}}`,
			"c": `"response":{"success":true,"data":[{"state":"error","error_message":"` + echo + `"}]}`,
		},
		errors: map[string]string{"d": `401 {"error":{"code":"invalid_token","message":"` + echo + `"}}`},
	}
	b := setup(t, p.ServeHTTP)
	obs, err := b.adapter.Fetch(t.Context(), refs("a", "b", "c"))
	require.NoError(t, err)
	require.Len(t, obs, 3)
	_, err = b.adapter.Fetch(t.Context(), refs("d"))
	require.Error(t, err)
	reason, _, _ := b.adapter.Paused()
	text := fmt.Sprintf("%v %+v %v %+v %v %s %s", obs, b.adapter, err, err, upstream.Config{APIKey: testKey}, reason, b.log)
	for _, o := range obs {
		text += o.Raw + fmt.Sprint(o.Failure)
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
		"APIKey: required":        {},
		"BaseURL: ":               {APIKey: "k", BaseURL: "api"},
		"Timeout: negative":       {APIKey: "k", Timeout: -1},
		"APIKey: holds a space, ": {APIKey: "k k"},
	} {
		_, err := open(cfg)
		require.ErrorContains(t, err, field)
	}
	a, err := open(upstream.Config{APIKey: "k"})
	require.NoError(t, err)
	require.Equal(t, 10, a.Limits().Requests)
	require.Equal(t, time.Second, a.Limits().Window)
}

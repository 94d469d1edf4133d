package sunoclips

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
)

// provider answers with clips, each of them complete, and with lyrics.
type provider struct {
	t    *testing.T
	fail func(ids []string) (status int, body string) // status 0: the call succeeds

	mu    sync.Mutex
	calls []string // "clips of n" or "lyrics id"
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/api/v2/external/hackathons/")
	if !ok || r.Header.Get("Authorization") != "Bearer "+testKey || len(r.URL.String()) > 1000 {
		p.t.Errorf("unexpected call %s", r.URL)
	}
	ids := strings.Split(r.URL.Query().Get("ids"), ",")
	name := fmt.Sprint("clips of ", len(ids))
	if path != "clips" {
		ids, name = []string{strings.TrimPrefix(path, "lyrics/")}, path
	}
	p.mu.Lock()
	p.calls = append(p.calls, name)
	p.mu.Unlock()
	if p.fail != nil {
		if status, body := p.fail(ids); status != 0 {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return
		}
	}
	if path != "clips" {
		_, _ = w.Write([]byte(`{"text":"la","title":"A","status":"complete"}`))
		return
	}
	clips := []map[string]string{}
	for _, id := range ids {
		clips = append(clips, map[string]string{"id": id, "status": "complete", "audio_url": "https://h/" + id + ".mp3"})
	}
	_ = json.NewEncoder(w).Encode(clips)
}

func (p *provider) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

func clipID(n int) string { return fmt.Sprintf("44444444-4444-4444-8444-%012d", n) }

// songs are n tasks of one clip each, with ids from first on.
func songs(first, n int) []task.Ref {
	var refs []task.Ref
	for i := range n {
		refs = append(refs, task.Ref{TaskID: clipID(first + i), Type: task.Generate})
	}
	return refs
}

func (p *provider) fetch(t *testing.T, fanOut int, refs ...task.Ref) (map[string]string, error) {
	t.Helper()
	p.t = t
	b := setup(t, p.ServeHTTP)
	b.adapter.fanOut = fanOut
	obs, err := b.adapter.Fetch(t.Context(), refs)
	return seen(t, obs), err
}

func seen(t *testing.T, obs []task.Observation) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, o := range obs {
		require.NotContains(t, out, o.TaskID)
		out[o.TaskID] = fmt.Sprint(o.Status, " ", len(o.Items))
		if o.Failure != nil {
			out[o.TaskID] = o.Failure.Verdict.String() + " " + o.Failure.Reason
		}
	}
	return out
}

func TestFetch(t *testing.T) {
	t.Parallel()
	var p provider
	pair := clipA + "," + clipB
	got, err := p.fetch(t, 1,
		task.Ref{TaskID: pair, Type: task.Extend},
		task.Ref{TaskID: "order-17", Type: task.Merge, ClipIDs: []string{clipC}},
		task.Ref{TaskID: clipA, Type: task.Generate}, // shares a clip
		task.Ref{TaskID: pair, Type: task.Extend},
		task.Ref{TaskID: "lyric-1", Type: task.Lyrics, ClipIDs: []string{clipC}},
		task.Ref{TaskID: "lyric-1", Type: task.Lyrics},
		task.Ref{TaskID: "../clips", Type: task.Lyrics},
		task.Ref{TaskID: "order-18", Type: task.Generate},
		task.Ref{TaskID: "", Type: task.Replace},
	)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		pair: "complete 2", "order-17": "complete 1", clipA: "complete 1", "lyric-1": "complete 1",
		"../clips": "unknown_task bad_task_id", "order-18": "unknown_task bad_task_id", "": "unknown_task bad_task_id",
	}, got)
	require.Equal(t, []string{"clips of 3", "lyrics/lyric-1"}, p.asked())
}

func TestFetchKeepsURLsShort(t *testing.T) {
	t.Parallel()
	var p provider
	var long []string
	for i := range 30 {
		long = append(long, clipID(100+i))
	}
	stems := task.Ref{TaskID: strings.Join(long, ","), Type: task.Generate}
	got, err := p.fetch(t, 1, append(songs(0, 15), stems)...)
	require.NoError(t, err)
	require.Equal(t, "complete 30", got[stems.TaskID], "put together from two answers")
	require.Len(t, got, 16)
	require.Equal(t, []string{"clips of 24", "clips of 21"}, p.asked())
}

// TestOneBadIDHidesNoOthers has the provider fail every call with one of two ids.
func TestOneBadIDHidesNoOthers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		detail string
		want   string // of the two
	}{
		"bad request": {400, `"ids: not a clip"`, "unknown_task unknown_task"},
		"validation":  {422, `[{"msg":"x"}]`, "unknown_task unknown_task"},
		"not found":   {404, `"Clip not found"`, "unknown_task unknown_task"},
		"credits":     {400, `"insufficient credits"`, "transient bad_request"},
		"wrong path":  {404, `"Not Found"`, "transient no_such_call"},
		"broken":      {500, `"x"`, "transient http_5xx"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := provider{fail: func(ids []string) (int, string) {
				for _, id := range ids {
					if id == clipID(3) || id == clipID(15) {
						return tc.status, `{"detail":` + tc.detail + `}`
					}
				}
				return 0, ""
			}}
			got, err := p.fetch(t, 1, songs(0, maxClips+1)...)
			require.NoError(t, err)
			require.Len(t, got, maxClips+1)
			for id, what := range got {
				if id == clipID(3) || id == clipID(15) {
					require.Contains(t, what, tc.want)
				} else {
					require.Equal(t, "complete 1", what)
				}
			}
			require.LessOrEqual(t, len(p.asked()), 19)
		})
	}
}

// TestTooLargeAnAnswerIsAskedForInHalves has room for some five clips in an
// answer.
func TestTooLargeAnAnswerIsAskedForInHalves(t *testing.T) {
	t.Parallel()
	p := provider{t: t}
	server := httptest.NewServer(&p)
	t.Cleanup(server.Close)
	a, err := open(upstream.Config{BaseURL: server.URL + "/api/v2/external/hackathons", APIKey: testKey, Requests: -1, MaxBody: 700})
	require.NoError(t, err)
	t.Cleanup(a.CloseIdle)
	obs, err := a.Fetch(t.Context(), songs(0, 20))
	require.NoError(t, err)
	require.Len(t, seen(t, obs), 20)
	require.Equal(t, []string{"clips of 20", "clips of 10", "clips of 10", "clips of 5", "clips of 5", "clips of 5", "clips of 5"}, p.asked())
}

// TestFetchStops makes one call at a time, so that their order is known.
func TestFetchStops(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status  int
		body    string
		verdict task.Verdict
		reason  string
	}{
		"wrong key":    {401, `{"detail":"Authentication required."}`, task.Account, "unauthorized"},
		"not invited":  {403, `{"detail":"Access denied. Not a hackathon participant."}`, task.Account, "unauthorized"},
		"rate limited": {429, `{"detail":"Hackathon clip fetch rate limit exceeded."}`, task.Transient, "rate_limited"},
		"broke":        {402, `{"detail":"Insufficient credits."}`, task.Account, "credits"},
		"limited page": {429, `<html>`, task.Transient, "rate_limited"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := provider{fail: func(ids []string) (int, string) {
				if ids[0] == clipID(maxClips) {
					return tc.status, tc.body
				}
				return 0, ""
			}}
			refs := append(songs(0, 45), task.Ref{TaskID: "lyric-1", Type: task.Lyrics})
			got, err := p.fetch(t, 1, refs...)
			require.Len(t, got, maxClips, "what came before holds")
			require.Len(t, p.asked(), 2)
			var f *task.Failure
			require.ErrorAs(t, err, &f)
			require.Equal(t, tc.verdict, f.Verdict)
			require.Equal(t, tc.reason, f.Reason)
			require.Positive(t, f.RetryAfter)
			require.ErrorContains(t, err, "fetch from sunoclips")
		})
	}
}

func TestAnUnknownLyricIsReportedAsUnknown(t *testing.T) {
	t.Parallel()
	p := provider{fail: func(ids []string) (int, string) {
		switch ids[0] {
		case "gone":
			return 404, `{"detail":"Lyrics not found"}`
		case "down":
			return 503, `{"detail":"Service Unavailable"}`
		}
		return 0, ""
	}}
	var refs []task.Ref
	for _, id := range []string{"gone", "down", "here"} {
		refs = append(refs, task.Ref{TaskID: id, Type: task.Lyrics})
	}
	got, err := p.fetch(t, 4, refs...)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"gone": "unknown_task unknown_task", "down": "transient http_5xx", "here": "complete 1"}, got)
}

// TestAGroupIsAnsweredAsAWhole: the clips that are known come with the failure of the
// call for the others, or with the provider's verdict on them.
func TestAGroupIsAnsweredAsAWhole(t *testing.T) {
	t.Parallel()
	pair := clipA + "," + clipB
	for detail, want := range map[string]map[string]string{ // of clip B
		`500 {"detail":"x"}`:              {pair: "transient http_5xx", clipC: "complete 1", clipB: "transient http_5xx"},
		`404 {"detail":"Clip not found"}`: {pair: "processing 1", clipC: "complete 1", clipB: "unknown_task unknown_task"},
	} {
		p := provider{fail: func(ids []string) (int, string) {
			for _, id := range ids {
				if id == clipB {
					status, body, _ := strings.Cut(detail, " ")
					return map[string]int{"404": 404, "500": 500}[status], body
				}
			}
			return 0, ""
		}}
		got, err := p.fetch(t, 4, task.Ref{TaskID: pair, Type: task.Extend}, task.Ref{TaskID: clipC, Type: task.Generate}, task.Ref{TaskID: clipB, Type: task.Generate})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p := provider{t: t}
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if len(p.asked()) == 0 {
			p.ServeHTTP(w, r)
			return
		}
		cancel()
		<-r.Context().Done()
	})
	b.adapter.fanOut = 1
	obs, err := b.adapter.Fetch(ctx, songs(0, 50))
	require.Len(t, obs, maxClips)
	require.ErrorIs(t, err, context.Canceled)
	obs, err = b.adapter.Fetch(ctx, songs(0, 1))
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, obs)
}

func TestKeyIsShownNowhere(t *testing.T) {
	t.Parallel()
	echo := "the key " + testKey + " of https://h/a?token=abc"
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		switch ids := r.URL.Query().Get("ids"); {
		case ids == clipC:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"detail":"` + echo + `"}`))
		case ids != "":
			_, _ = fmt.Fprintf(w, `[{"id":%q,"status":"error","metadata":{"error_message":%q}},{"id":%q,"status":%q}]`, clipA, echo, clipB, testKey)
		default:
			_, _ = fmt.Fprintf(w, `{"status":"error","error_message":%q}`, echo)
		}
	})
	obs, err := b.adapter.Fetch(t.Context(), []task.Ref{{TaskID: clipA + "," + clipB, Type: task.Extend}, {TaskID: "L", Type: task.Lyrics}})
	require.NoError(t, err)
	require.Len(t, obs, 2)
	_, err = b.adapter.Fetch(t.Context(), []task.Ref{{TaskID: clipC, Type: task.Generate}})
	reason, _, paused := b.adapter.Paused()
	require.True(t, paused)
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

func TestConfig(t *testing.T) {
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
	require.Equal(t, upstream.Limits{Batch: 24, Requests: 100, Window: time.Minute}, a.Limits())
}

// TestATaskIsNotAnsweredByHalf has a round that ends between the two clips of a task:
// the first clip alone does not say how the task stands.
func TestATaskIsNotAnsweredByHalf(t *testing.T) {
	t.Parallel()
	p := provider{fail: func(ids []string) (int, string) {
		if ids[0] == clipID(maxClips) {
			return 429, `{"detail":"rate limit exceeded"}`
		}
		return 0, ""
	}}
	refs := append(songs(1, maxClips-1), task.Ref{TaskID: "two", Type: task.Generate, ClipIDs: []string{clipID(0), clipID(maxClips)}},
		task.Ref{TaskID: "never", Type: task.Lyrics})
	got, err := p.fetch(t, 1, refs...)
	require.Equal(t, "transient not_reported", got["two"])
	part, ok := errors.AsType[*task.PartError](err)
	require.True(t, ok)
	require.True(t, part.Asked["two"])
	require.False(t, part.Asked["never"])
}

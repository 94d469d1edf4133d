package sunoapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
)

// byTask answers with the body for the task id that is asked for.
func byTask(t *testing.T, bodies map[string]string) (http.HandlerFunc, *atomic.Int32) {
	var calls atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body, ok := bodies[r.URL.Query().Get("taskId")]
		if !ok || r.Header.Get("Authorization") != "Bearer "+testKey {
			t.Errorf("unexpected call %s", r.URL)
		}
		if status, ok := map[string]int{"503": 503, "HTTP 401": 401, "HTTP 429": 429}[body]; ok {
			w.WriteHeader(status)
		}
		_, _ = w.Write([]byte(strings.ReplaceAll(body, "$path", r.URL.Path)))
	}, &calls
}

func refs(ids ...string) []task.Ref {
	var out []task.Ref
	for _, id := range ids {
		out = append(out, task.Ref{TaskID: id, Type: task.Generate})
	}
	return out
}

func seen(obs []task.Observation) map[string]string {
	out := map[string]string{}
	for _, o := range obs {
		out[o.TaskID] = string(o.Status)
		if o.Failure != nil {
			out[o.TaskID] = o.Failure.Verdict.String() + " " + o.Failure.Reason
		}
	}
	return out
}

func TestFetch(t *testing.T) {
	t.Parallel()
	const spaced = " spaced\n"
	handler, calls := byTask(t, map[string]string{
		"done":    data(`{"taskId":"done","status":"SUCCESS"}`),
		"a&b=c/ü": data(`{"status":"PENDING"}`),
		"gone":    `{"code":404,"msg":"task not exist"}`,
		"refused": `{"code":400,"msg":"Prompt likely copyrighted"}`,
		"other":   data(`{"taskId":"done","status":"SUCCESS"}`),
		"html":    `<html>`,
		"down":    "503",
		"spaced":  data(`{"taskId":"spaced","status":"PENDING"}`),
	})
	b := setup(t, sunoAPI(), handler)
	obs, err := b.adapter.Fetch(t.Context(), refs(
		"done", "a&b=c/ü", "gone", "refused", "other", "html", "down", spaced,
		"done", "", strings.Repeat("x", 257), "a\nb", "\xff"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"done": "complete", "a&b=c/ü": "processing", "gone": "unknown_task unknown_task", "refused": "permanent refused",
		"other": "transient no_record", "html": "transient bad_body", "down": "transient http_5xx", spaced: "processing",
		"": "unknown_task bad_task_id", strings.Repeat("x", 257): "unknown_task bad_task_id",
		"a\nb": "unknown_task bad_task_id", "\xff": "unknown_task bad_task_id",
	}, seen(obs))
	require.EqualValues(t, 8, calls.Load(), "what was asked for twice was asked once")
	at := slices.IndexFunc(obs, func(o task.Observation) bool { return o.TaskID == "refused" })
	require.Equal(t, task.Failed, obs[at].Status)
	require.Equal(t, task.Copyrighted, obs[at].Failure.Code)
}

func TestFetchAsksWhereTheTypeIs(t *testing.T) {
	t.Parallel()
	body := `{"code":200,"data":{"status":"$path"}}`
	handler, _ := byTask(t, map[string]string{"generate": body, "extend": body, "replace": body, "merge": body, "lyrics": body, "new": body})
	b := setup(t, sunoAPI(), handler)
	var refs []task.Ref
	for _, taskType := range []task.Type{task.Generate, task.Extend, task.Replace, task.Merge, task.Lyrics, "new"} {
		refs = append(refs, task.Ref{TaskID: string(taskType), Type: taskType})
	}
	obs, err := b.adapter.Fetch(t.Context(), refs)
	require.NoError(t, err)
	require.Len(t, obs, len(refs))
	for _, o := range obs {
		want := "/api/v1/generate/record-info"
		if o.TaskID == "lyrics" {
			want = "/api/v1/lyrics/record-info"
		}
		require.Equal(t, want, o.Raw, o.TaskID)
	}
}

// TestFetchStops makes one call at a time, so that their order is known.
func TestFetchStops(t *testing.T) {
	t.Parallel()
	ok := data(`{"status":"PENDING"}`)
	for name, tc := range map[string]struct {
		profile profile
		body    string
		verdict task.Verdict
		reason  string
	}{
		"out of credits at sunoapi": {sunoAPI(), `{"code":429,"msg":"Insufficient credits"}`, task.Account, "credits"},
		"rate limited at kie":       {kie(), `{"code":429,"msg":"Rate Limited"}`, task.Transient, "rate_limited"},
		"out of credits at kie":     {kie(), `{"code":402,"msg":"Insufficient credits"}`, task.Account, "credits"},
		"rate limited at sunoapi":   {sunoAPI(), `{"code":430,"msg":"slow down"}`, task.Transient, "rate_limited"},
		"HTTP 401":                  {sunoAPI(), "HTTP 401", task.Account, "unauthorized"},
		"HTTP 429":                  {sunoAPI(), "HTTP 429", task.Transient, "rate_limited"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler, calls := byTask(t, map[string]string{"a": ok, "b": tc.body, "c": ok})
			b := setup(t, tc.profile, handler)
			b.adapter.fanOut = 1
			obs, err := b.adapter.Fetch(t.Context(), refs("a", "b", "c", "d", "e"))
			require.Equal(t, map[string]string{"a": "processing"}, seen(obs))
			require.EqualValues(t, 2, calls.Load())
			var f *task.Failure
			require.ErrorAs(t, err, &f)
			require.Equal(t, tc.verdict, f.Verdict)
			require.Equal(t, tc.reason, f.Reason)
			require.Positive(t, f.RetryAfter)
			require.ErrorContains(t, err, "fetch from "+tc.profile.Name)

			reason, _, paused := b.adapter.Paused()
			require.Equal(t, tc.verdict == task.Account, paused)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			obs, err = b.adapter.Fetch(ctx, refs("a", "c")) // no call is made
			require.Empty(t, obs)
			require.ErrorAs(t, err, &f)
			require.EqualValues(t, 2, calls.Load())
			if paused {
				require.Equal(t, "account_paused", f.Reason)
				require.NotEmpty(t, reason)
			} else {
				require.Equal(t, "rate_limited_locally", f.Reason)
			}
		})
	}
}

func TestFetchKeepsToTheWindow(t *testing.T) {
	t.Parallel()
	handler, calls := byTask(t, map[string]string{"a": data(`{"status":"PENDING"}`), "b": data(`{"status":"PENDING"}`)})
	b := setup(t, sunoAPI(), handler)
	limited := sunoAPI()
	limited.Limits.Requests, limited.Limits.Window, limited.BaseURL = 2, time.Hour, b.url
	a, err := open(limited, upstream.Config{APIKey: testKey})
	require.NoError(t, err)
	a.fanOut = 1
	t.Cleanup(a.CloseIdle)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	obs, err := a.Fetch(ctx, refs("a", "b", "c", "d"))
	require.Len(t, obs, 2)
	require.EqualValues(t, 2, calls.Load())
	var f *task.Failure
	require.ErrorAs(t, err, &f)
	require.Equal(t, "rate_limited_locally", f.Reason)
	require.Greater(t, f.RetryAfter, 59*time.Minute)
}

func TestFetchWhenNothingAnswers(t *testing.T) {
	t.Parallel()
	handler, _ := byTask(t, map[string]string{"a": "503", "b": "503"})
	b := setup(t, sunoAPI(), handler)
	obs, err := b.adapter.Fetch(t.Context(), refs("a", "b"))
	require.Equal(t, map[string]string{"a": "transient http_5xx", "b": "transient http_5xx"}, seen(obs))
	var f *task.Failure
	require.ErrorAs(t, err, &f)
	require.Equal(t, "http_5xx", f.Reason)
	obs, err = b.adapter.Fetch(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, obs)
}

// TestFetchAtAnOpenBreaker: few calls are made, and the others are unsent.
func TestFetchAtAnOpenBreaker(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{}
	var ids []string
	for i := range 30 {
		ids = append(ids, fmt.Sprint("t", i))
		bodies[ids[i]] = "503"
	}
	handler, calls := byTask(t, bodies)
	b := setup(t, sunoAPI(), handler)
	b.adapter.fanOut = 1
	obs, err := b.adapter.Fetch(t.Context(), refs(ids...))
	require.EqualValues(t, 8, calls.Load())
	require.Len(t, obs, len(ids))
	for i, o := range obs {
		require.Equal(t, i >= 8, o.Failure.Unsent)
		if o.Failure.Unsent {
			require.Equal(t, upstream.ReasonBreakerOpen, o.Failure.Reason)
			require.Positive(t, o.Failure.RetryAfter)
		}
	}
	var f *task.Failure
	require.ErrorAs(t, err, &f)
	require.Equal(t, upstream.ReasonHTTP5xx, f.Reason)
}

func TestFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := setup(t, sunoAPI(), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("taskId") == "a" {
			_, _ = w.Write([]byte(data(`{"status":"PENDING"}`)))
			return
		}
		cancel()
		<-r.Context().Done()
	})
	b.adapter.fanOut = 1
	obs, err := b.adapter.Fetch(ctx, refs("a", "b", "c"))
	require.Equal(t, map[string]string{"a": "processing"}, seen(obs))
	require.ErrorIs(t, err, context.Canceled)
	_, err = b.adapter.Fetch(ctx, refs("a"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestFetchBoundsItsFanOut(t *testing.T) {
	t.Parallel()
	var underWay atomic.Int32
	full := make(chan struct{})
	b := setup(t, sunoAPI(), func(w http.ResponseWriter, _ *http.Request) {
		switch n := underWay.Add(1); {
		case n == 8:
			close(full) // all eight are here together
		case n > 8:
			t.Error("a ninth call at once")
		}
		<-full
		underWay.Add(-1)
		_, _ = w.Write([]byte(data(`{"status":"PENDING"}`)))
	})
	var ids []string
	for i := range 8 {
		ids = append(ids, fmt.Sprint("t", i))
	}
	obs, err := b.adapter.Fetch(t.Context(), refs(ids...))
	require.NoError(t, err)
	require.Len(t, obs, 8)
}

func TestKeyIsShownNowhere(t *testing.T) {
	t.Parallel()
	echo := "the key " + testKey + " of https://h/a?token=abc"
	handler, _ := byTask(t, map[string]string{
		"a": data(`{"status":"` + testKey + `"}`),
		"e": data(`{"status":"` + strings.Repeat("x", 60) + testKey + `"}`), // where a word is cut
		"b": data(`{"status":"FAILED","errorMessage":"` + echo + `"}`),
		"c": `{"code":404,"msg":"` + echo + `"}`,
		"d": `{"code":401,"msg":"` + echo + `"}`,
	})
	b := setup(t, sunoAPI(), handler)
	b.adapter.fanOut = 1
	obs, err := b.adapter.Fetch(t.Context(), refs("a", "e", "b", "c", "d"))
	require.Len(t, obs, 4)
	reason, _, _ := b.adapter.Paused()
	text := fmt.Sprintf("%v %+v %v %+v %v %s %s", obs, b.adapter, err, err, upstream.Config{APIKey: testKey}, reason, b.log)
	for _, o := range obs {
		text += o.Raw + fmt.Sprint(o.Failure)
	}
	require.NotContains(t, text, testKey[:4])
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
		_, err := open(kie(), cfg)
		require.ErrorContains(t, err, field)
	}
}

package syncer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/looks"
	"tasksync/task"
)

func TestSyncResults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fate   simulator.Fate
		faults []simulator.Fault
		age    time.Duration // at which it is looked at
		before int           // looks before that, 30 s apart
		want   Result
		code   task.Code
		clips  int
		event  string
	}{
		"complete at the first look": {
			fate: simulator.Ready,
			want: Result{Outcome: task.OutcomeSynced, NewStatus: task.Complete, ItemsUpdated: 2}, clips: 2,
			event: "submitted complete poll SUCCESS",
		},
		"under way": {
			fate: simulator.Success,
			want: Result{Outcome: task.OutcomeSynced, NewStatus: task.Processing}, event: "submitted processing poll PENDING",
		},
		"streaming": {
			fate: simulator.Success, age: 50 * time.Second,
			want:  Result{Outcome: task.OutcomeSynced, NewStatus: task.Streaming, ItemsUpdated: 2},
			clips: 2, event: "submitted streaming poll TEXT_SUCCESS",
		},
		"refused": {
			fate: simulator.RefusedArtist, age: 10 * time.Second,
			want: Result{Outcome: task.OutcomeFailed, Reason: "PRODUCER_TAG", NewStatus: task.Failed}, code: task.ProducerTag,
		},
		"provider failed": {
			fate: simulator.CreateFailed, age: 10 * time.Second,
			want: Result{Outcome: task.OutcomeFailed, Reason: "API_ERROR", NewStatus: task.Failed}, code: task.APIError,
			event: "submitted failed poll CREATE_TASK_FAILED",
		},
		"not known yet":       {fate: simulator.Forgotten, want: Result{Outcome: task.OutcomeSkipped, Reason: "unknown_task"}},
		"not known once":      {fate: simulator.Forgotten, age: 2 * time.Minute, want: Result{Outcome: task.OutcomeSkipped, Reason: "unknown_task"}},
		"not known any more":  {fate: simulator.Forgotten, age: 2 * time.Minute, before: 2, want: Result{Outcome: task.OutcomeFailed, Reason: "API_ERROR", NewStatus: task.Failed}, code: task.APIError},
		"HTTP 500":            {fate: simulator.Ready, faults: []simulator.Fault{simulator.HTTP500}, want: Result{Outcome: task.OutcomeSkipped, Reason: "http_5xx"}},
		"HTTP 429":            {fate: simulator.Ready, faults: []simulator.Fault{simulator.HTTP429}, want: Result{Outcome: task.OutcomeSkipped, Reason: "rate_limited"}},
		"maintenance":         {fate: simulator.Ready, faults: []simulator.Fault{simulator.Maintenance}, want: Result{Outcome: task.OutcomeSkipped, Reason: "maintenance"}},
		"cut answer":          {fate: simulator.Ready, faults: []simulator.Fault{simulator.Cut}, want: Result{Outcome: task.OutcomeSkipped, Reason: "bad_body"}},
		"malformed answer":    {fate: simulator.Ready, faults: []simulator.Fault{simulator.Malformed}, want: Result{Outcome: task.OutcomeSkipped, Reason: "bad_body"}},
		"out of credits":      {fate: simulator.Ready, faults: []simulator.Fault{simulator.NoCredits}, want: Result{Outcome: task.OutcomeSkipped, Reason: "credits"}},
		"out of credits, old": {fate: simulator.Stuck, faults: []simulator.Fault{simulator.NoCredits}, age: 9 * time.Minute, want: Result{Outcome: task.OutcomeSkipped, Reason: "credits"}},
		"timed out":           {fate: simulator.Stuck, age: 10 * time.Minute, want: Result{Outcome: task.OutcomeFailed, Reason: "API_ERROR", NewStatus: task.Failed}, code: task.APIError, event: "submitted failed timeout PENDING"},
		"timed out with results": {
			fate: simulator.StuckStreaming, age: 10 * time.Minute,
			want:  Result{Outcome: task.OutcomeSynced, Reason: "timeout", NewStatus: task.Complete, ItemsUpdated: 2},
			clips: 2, event: "submitted complete timeout FIRST_SUCCESS",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			known, _ := b.submit(task.Merge, simulator.Ready)
			require.Equal(t, task.Complete, b.syncOne(known).NewStatus)
			id, _ := b.submit(task.Generate, tc.fate, tc.faults...)
			b.clock.advance(tc.age)
			for range tc.before {
				b.syncOne(id)
				b.clock.advance(30 * time.Second)
			}
			got := b.syncOne(id)

			want := tc.want
			want.ID = id
			pending := want.NewStatus == "" || !want.NewStatus.Terminal()
			require.Equal(t, pending, !got.Next.IsZero(), "%+v\n%s", got, b.log)
			if pending {
				require.True(t, got.Next.After(b.clock.now()))
			}
			got.Next, got.Track = time.Time{}, looks.Track{}
			require.Equal(t, want, got)

			r := b.row(id)
			require.Equal(t, string(tc.code), r.Code)
			require.Equal(t, !pending, r.Completed)
			require.Equal(t, tc.code != "", r.Message != "")
			status := want.NewStatus
			if status == "" {
				status = task.Submitted
			}
			require.Equal(t, string(status), r.Status)
			require.Len(t, b.clips(id), tc.clips)
			events := b.events(id)
			if want.NewStatus == "" {
				require.Empty(t, events)
				return
			}
			require.Len(t, events, 1)
			if tc.event != "" {
				require.Equal(t, tc.event, events[0])
			}
		})
	}
}

func TestSyncLeavesAloneWhatIsNotIts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ready := func() string { return b.sim.Submit(task.Generate, simulator.Ready) }
	v1 := b.insert("", ready(), 0)
	unknown := b.insert("remix", ready(), 11*time.Minute)
	other := b.insert("remix", ready(), 0)
	ended := b.insert(task.Generate, ready(), 0)
	b.exec(`UPDATE music_generations SET status = 'failed', error_code = 'API_ERROR' WHERE id = $1`, ended)
	strange := b.insert(task.Generate, ready(), 0)
	b.exec(`UPDATE music_generations SET status = 'archived' WHERE id = $1`, strange)
	nameless := b.insert(task.Generate, "", 0)
	missing := newUUID()
	before := b.versions()

	given := []string{v1, unknown, ended, "x", "", missing, strange, v1, other, "x", nameless, "00000000-0000-0000-0000-00000000000g"}
	var got []string
	for _, r := range b.sync(given...) {
		got = append(got, fmt.Sprintf("%s %s %s", r.ID, r.Outcome, r.Reason))
		require.Zero(t, r.NewStatus)
		require.Equal(t, r.ID != nameless, r.Next.IsZero())
	}
	require.Equal(t, []string{
		v1 + " skipped not_pending", unknown + " skipped unknown_task_type", ended + " skipped not_pending",
		"x failed invalid_id", " failed invalid_id", missing + " skipped not_found", strange + " skipped not_pending",
		other + " skipped unknown_task_type", nameless + " skipped no_task_id",
		"00000000-0000-0000-0000-00000000000g failed invalid_id",
	}, got)
	require.Equal(t, before, b.versions())
	require.Zero(t, b.sim.Requests().Total)
	require.Equal(t, 1, strings.Count(b.log.String(), "Unknown task type"), "it is said once")
	require.InDelta(t, 2, testutil.ToFloat64(b.syncer.metrics.results.WithLabelValues("unknown", "failed"))-1, 0, "three ids were none")
}

func TestSyncTakesAnIDInUpperCase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.submit(task.Generate, simulator.Ready)
	results := b.sync(strings.ToUpper(id), id)
	require.Len(t, results, 1)
	require.Equal(t, id, results[0].ID)
	require.Equal(t, task.Complete, results[0].NewStatus)
}

func TestSyncAsksOnceForATask(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, taskID := b.submit(task.Generate, simulator.Ready)
	twin := b.insert(task.Generate, taskID, time.Minute)
	results := b.sync(id, twin, id, twin)
	require.Len(t, results, 2)
	require.EqualValues(t, 1, b.sim.Requests().Total)
	for _, r := range results {
		require.Equal(t, task.Complete, r.NewStatus)
		require.Equal(t, 2, r.ItemsUpdated)
	}
	require.Equal(t, b.clips(id), b.clips(twin))
}

func TestSyncAsksOnlyForDueRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	due, dueTask := b.submit(task.Generate, simulator.Ready)
	early, earlyTask := b.submit(task.Generate, simulator.Ready)
	ended := b.insert(task.Generate, "t", 0)
	b.exec(`UPDATE music_generations SET status = 'complete' WHERE id = $1`, ended)
	at := b.clock.now().Add(time.Second)
	results, err := b.syncer.Sync(t.Context(), Request{
		IDs:       []string{due, early, ended},
		NotBefore: map[string]time.Time{early: at, ended: at, due: b.clock.now()},
	})
	require.NoError(t, err)
	require.Equal(t, task.Complete, results[0].NewStatus)
	require.Equal(t, Result{ID: early, Outcome: task.OutcomeSkipped, Reason: ReasonNotDue, Next: at}, results[1])
	require.Equal(t, task.ReasonNotPending, results[2].Reason)
	asked, _ := b.sim.Task(dueTask)
	require.Equal(t, 1, asked.Asked)
	asked, _ = b.sim.Task(earlyTask)
	require.Zero(t, asked.Asked)
}

// TestEveryLife follows every fate of every task type to its end, at the times
// that the passes ask for, and compares each field with the simulator's record.
func TestEveryLife(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) {
		c.Prober = probeFunc(func(url string) task.Probe {
			if strings.HasPrefix(url, "https://cdn1.suno.ai/") {
				return task.ProbePlayable
			}
			return task.ProbeDead
		})
	})
	t.Log("seed", b.sim.Seed())
	tasks, next := map[string]string{}, map[string]time.Time{}
	for _, kind := range []task.Type{task.Extend, task.Generate, task.Lyrics, task.Merge, task.Replace} {
		for i, fate := range simulator.Fates() {
			id, taskID := b.submit(kind, fate)
			for n := range i % 4 { // none to three placeholders
				b.exec(`INSERT INTO music_clips (generation_id, clip_id) VALUES ($1, $2)`, id, task.PlaceholderID(taskID, kind, n))
			}
			tasks[id], next[id] = taskID, b.clock.now()
		}
	}
	for passes := 0; len(next) > 0; passes++ {
		require.Less(t, passes, 400, "it comes to no end")
		first := b.clock.now().Add(time.Hour)
		var ids []string
		for id, at := range next {
			ids = append(ids, id)
			if at.Before(first) {
				first = at
			}
		}
		b.clock.advance(first.Sub(b.clock.now()))
		results, err := b.syncer.Sync(t.Context(), Request{IDs: ids, NotBefore: next})
		require.NoError(t, err)
		for _, r := range results {
			next[r.ID] = r.Next
			if r.Next.IsZero() {
				delete(next, r.ID)
			}
		}
	}
	for id, taskID := range tasks {
		b.requireEnd(id, taskID)
	}
}

// requireEnd compares a row, its clips and its events with the simulator's own
// record.
func (b *bundle) requireEnd(id, taskID string) {
	b.Helper()
	record, _ := b.sim.Task(taskID)
	name := fmt.Sprintf("%s %s %s", record.Type, record.Fate, taskID)
	want, got := record.Expected, b.row(id)
	require.Equal(b, string(want.Status), got.Status, name)
	require.Equal(b, string(want.ErrorCode), got.Code, name)
	require.True(b, got.Completed, name)
	if want.ErrorMessage != "" {
		require.Equal(b, want.ErrorMessage, got.Message, name)
	}
	clips := b.clips(id)
	probed := false // the CDN has the audio of a task that the provider calls complete: it need not wait for the deadline
	for _, w := range want.Clips {
		if w.Derive {
			probed = record.Fate == simulator.SourceAudio
			w.AudioURL = task.CDNURL(w.ClipID)
		}
		require.Equal(b, task.Clip{
			ClipID: w.ClipID, Status: w.Status, Title: w.Title, AudioURL: w.AudioURL, StreamAudioURL: w.StreamAudioURL,
			VideoURL: w.VideoURL, ImageURL: w.ImageURL, Lyrics: w.Lyrics, Tags: w.Tags, ModelName: w.ModelName, Duration: w.Duration,
		}, clips[w.ClipID], name)
		delete(clips, w.ClipID)
	}
	for _, c := range clips { // placeholders that nothing filled
		_, placeholder := task.DefaultHandlers().PlaceholderNumber(c.ClipID)
		require.True(b, placeholder, "%s: %+v", name, c)
		require.Equal(b, task.Failed, c.Status, "%s: %+v", name, c)
	}
	from := "submitted"
	for _, e := range b.events(id) {
		words := strings.Fields(e)
		require.Equal(b, from, words[0], "%s: %v", name, b.events(id))
		if words[0] == words[1] { // clips alone
			require.True(b, task.Status(words[0]).Pending(), name)
		}
		if words[1] == got.Status && !probed {
			require.Equal(b, want.AtDeadline, words[2] == "timeout", "%s: %v", name, b.events(id))
		}
		from = words[1]
	}
	require.Equal(b, got.Status, from, name)
}

// TestUnknownTasksAreDoubted has an upstream that knows none of our tasks, as a
// wrong base URL does: that must not fail them all.
func TestUnknownTasksAreDoubted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := []string{b.insert(task.Generate, "nobody", 5*time.Minute), b.insert(task.Lyrics, "knows", 5*time.Minute), b.insert(task.Merge, "these", 5*time.Minute)}
	for _, reason := range []string{"unknown_task", "unknown_task", task.ReasonKnowsNone, task.ReasonKnowsNone} {
		for _, r := range b.sync(ids...) {
			require.Equal(t, task.OutcomeSkipped, r.Outcome)
			require.Equal(t, reason, r.Reason)
			require.False(t, r.Next.IsZero())
		}
		b.clock.advance(30 * time.Second)
	}
	require.Equal(t, 1, strings.Count(b.log.String(), "knows none of the tasks"))
	require.Contains(t, b.syncer.Trouble()[""], "knows none of the tasks")
	known, _ := b.submit(task.Merge, simulator.Ready)
	require.Equal(t, task.Complete, b.sync(known)[0].NewStatus)
	require.Empty(t, b.syncer.Trouble())
	for _, r := range b.sync(ids...) {
		require.True(t, r.NewStatus.Terminal(), "%+v", r)
	}
	require.Equal(t, "failed", b.row(ids[0]).Status)
}

func TestUpstreamErrors(t *testing.T) {
	t.Parallel()
	later := 90 * time.Second
	for name, tc := range map[string]struct {
		err    error
		reason string
		wait   time.Duration
	}{
		"plain":                      {errors.New("boom"), "fetch_error", 0},
		"transient":                  {&task.Failure{Reason: "busy", RetryAfter: later}, "busy", later},
		"wrapped":                    {fmt.Errorf("fetch: %w", &task.Failure{Reason: "busy"}), "busy", 0},
		"account":                    {&task.Failure{Verdict: task.Account, Reason: "credits", RetryAfter: later}, "credits", later},
		"dead, but of no task":       {&task.Failure{Verdict: task.TaskDead, Code: task.APIError, Reason: "dead"}, "dead", 0},
		"permanent, but of no task":  {&task.Failure{Verdict: task.Permanent, Code: task.Copyrighted, Reason: "no"}, "no", 0},
		"unknown task, but of which": {&task.Failure{Verdict: task.UnknownTask, Reason: "who"}, "who", 0},
		"timeout":                    {context.DeadlineExceeded, task.ReasonNotReported, 0},
		"no error":                   {nil, task.ReasonNotReported, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, upstreamIs(fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
				return []task.Observation{done("answered"), done("nobody asked for it")}, tc.err
			})))
			answered, not := b.insert(task.Merge, "answered", 5*time.Minute), b.insert(task.Merge, "not", 5*time.Minute)
			results := b.sync(answered, not)
			require.Equal(t, task.Complete, results[0].NewStatus, "what was answered holds")
			require.Equal(t, task.OutcomeSkipped, results[1].Outcome)
			require.Equal(t, tc.reason, results[1].Reason)
			require.False(t, results[1].Next.Before(b.clock.now().Add(max(tc.wait, time.Second))))
			require.Equal(t, "submitted", b.row(not).Status)
			require.Empty(t, b.events(not))
		})
	}
}

func TestPanics(t *testing.T) {
	t.Parallel()
	t.Run("of the adapter", func(t *testing.T) {
		t.Parallel()
		b := setup(t, upstreamIs(fetchFunc(func(context.Context, []task.Ref) ([]task.Observation, error) {
			panic("with a token=0123456789abcdef")
		})))
		r := b.syncOne(b.insert(task.Merge, "t", 0))
		require.Equal(t, task.OutcomeSkipped, r.Outcome)
		require.Equal(t, "adapter_panic", r.Reason)
		require.False(t, r.Next.IsZero())
		require.NotContains(t, b.log.String(), "0123456789abcdef")
	})
	t.Run("of the prober", func(t *testing.T) {
		t.Parallel()
		b := setup(t, answers(task.Observation{Status: task.Streaming, Items: []task.Item{{ID: newUUID(), Status: task.Streaming}}}),
			func(c *Config) { c.Prober = probeFunc(func(string) task.Probe { panic("no") }) })
		r := b.syncOne(b.insert(task.Merge, "t", 11*time.Minute))
		require.Equal(t, task.Complete, r.NewStatus, "as if nothing had answered")
	})
	t.Run("of a decision", func(t *testing.T) {
		t.Parallel()
		var calls, panicAt int
		b := setup(t, upstreamIs(fetchFunc(allDone)))
		b.syncer.cfg.Now = func() time.Time {
			if calls++; calls == panicAt {
				panic("a row that breaks it")
			}
			return b.clock.now()
		}
		ids := []string{b.insert(task.Merge, "a", 0), b.insert(task.Merge, "b", 0), b.insert(task.Merge, "c", 0)}
		panicAt = 2 + 3 + 3 + 1 + 2 // beginning, selecting, once for each member, asking, noting the answers, and then for the second one
		broken := 0
		for _, r := range b.sync(ids...) {
			if r.Reason != "panic" {
				require.Equal(t, task.Complete, r.NewStatus)
				continue
			}
			broken++
			require.Equal(t, "submitted", b.row(r.ID).Status)
			require.Empty(t, b.clips(r.ID))
			require.Equal(t, b.clock.now().Add(retrySoon), r.Next)
		}
		require.Equal(t, 1, broken)
	})
}

func TestDeletedDuringThePass(t *testing.T) {
	t.Parallel()
	var b *bundle
	b = setup(t, upstreamIs(fetchFunc(func(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
		b.exec(`DELETE FROM music_generations WHERE task_id = 'gone'`)
		return allDone(ctx, refs)
	})))
	gone, stays := b.insert(task.Merge, "gone", 0), b.insert(task.Merge, "stays", 0)
	results := b.sync(gone, stays)
	require.Equal(t, Result{ID: gone, Outcome: task.OutcomeSkipped, Reason: task.ReasonNotPending}, results[0])
	require.Equal(t, task.Complete, results[1].NewStatus)
	require.Empty(t, b.events(gone))
}

func TestStopDuringTheFetch(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	b := setup(t, upstreamIs(fetchFunc(func(ctx context.Context, _ []task.Ref) ([]task.Observation, error) {
		stop()
		<-ctx.Done()
		return []task.Observation{done("answered")}, fmt.Errorf("fetch: %w", ctx.Err())
	})))
	answered, not, overdue := b.insert(task.Merge, "answered", 0), b.insert(task.Merge, "not", 0), b.insert(task.Merge, "overdue", time.Hour)
	results, err := b.syncer.Sync(ctx, Request{IDs: []string{answered, not, overdue}})
	require.NoError(t, err)
	require.Equal(t, "complete", b.row(answered).Status)
	require.Len(t, b.clips(answered), 1)
	for _, r := range results[1:] {
		require.True(t, r.Unanswered())
		require.Equal(t, b.clock.now(), r.Next, "due at once")
		require.Equal(t, "submitted", b.row(r.ID).Status, "it had no chance to answer")
	}
	require.NotContains(t, b.log.String(), "Fetching status failed")

	_, err = b.syncer.Sync(ctx, Request{IDs: []string{not}})
	require.ErrorIs(t, err, context.Canceled)
}

// TestFetchTimeout has an upstream that hangs, over HTTP.
func TestFetchTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.FetchTimeout = 300 * time.Millisecond })
	slow, _ := b.submit(task.Generate, simulator.Ready, simulator.Hang)
	quick, _ := b.submit(task.Generate, simulator.Ready)
	overdue := b.insert(task.Generate, b.sim.Submit(task.Generate, simulator.Ready, simulator.Hang), time.Hour)
	results := b.sync(slow, quick, overdue)
	require.True(t, results[0].Unanswered())
	require.Equal(t, task.Complete, results[1].NewStatus)
	require.True(t, results[2].Unanswered())
	require.Equal(t, row{Status: "submitted"}, b.row(overdue), "a deadline without an answer ends nothing")
}

package upstreamtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
	"tasksync/upstream"
)

// testFaults serves each fault once, to an adapter that has had a good answer before.
func testFaults(t *testing.T, s Subject) {
	for _, fault := range simulator.Faults() {
		if fault == simulator.Hang { // see testCancellation
			continue
		}
		s.run(t, string(fault), func(t *testing.T, w *world) { testFault(t, w, fault) })
	}
}

func testFault(t *testing.T, w *world, fault simulator.Fault) {
	warm := w.submit(1)[0]
	w.fetchReady(t, warm)

	ref := w.submit(1, fault)[0]
	seen, err := w.fetch(t.Context(), t, ref)
	if fault == simulator.Slow {
		require.NoError(t, err)
		requireReady(t, seen, ref)
		return
	}
	obs, _ := outcome(ref.TaskID, seen, err)
	f := obs.Failure
	require.NotNil(t, f, "a fault that Fetch does not report")
	requireUntouched(t, w, ref, obs)
	switch fault {
	case simulator.NoCredits, simulator.BadKey:
		require.Equal(t, task.Account, f.Verdict, f)
		requirePause(t, w, ref)
	case simulator.HTTP429, simulator.TooFrequent, simulator.OverLimit:
		require.Equal(t, task.Transient, f.Verdict, f)
		require.Equal(t, upstream.ReasonRateLimited, f.Reason)
		require.Positive(t, f.RetryAfter)
		requireClosed(t, w, ref)
	default:
		if fault != simulator.CreditsText { // it may end the task that was asked for
			require.Equal(t, task.Transient, f.Verdict, f)
		}
		_, _, paused := w.adapter.Paused()
		require.False(t, paused)
	}
	w.advance(f.RetryAfter)
	seen, err = w.fetch(t.Context(), t, ref)
	require.NoError(t, err, "calls go on by themselves")
	requireReady(t, seen, ref)
	_, _, paused := w.adapter.Paused()
	require.False(t, paused)
}

// requireUntouched asserts that obs, which has a failure, leaves a row in any pending
// state as it is.
func requireUntouched(t *testing.T, w *world, ref task.Ref, obs task.Observation) {
	t.Helper()
	f := obs.Failure
	require.NotEmpty(t, f.Message, f.Reason)
	now := w.clock.Now()
	for _, status := range []task.Status{task.Submitted, task.Streaming} {
		g := task.Generation{TaskID: ref.TaskID, Type: ref.Type, Status: status, CreatedAt: now.Add(-5 * time.Minute)}
		d := w.subject.policy().Decide(now, g, nil, task.Seen{Observation: &obs})
		require.False(t, d.Writes(g), "%+v", d)
		require.False(t, d.Next.Before(now.Add(f.RetryAfter)) && d.Next.Before(g.CreatedAt.Add(task.DefaultTimeout)))
	}
}

// requirePause asserts that the credential's calls pause.
func requirePause(t *testing.T, w *world, ref task.Ref) {
	t.Helper()
	reason, until, paused := w.adapter.Paused()
	require.True(t, paused)
	require.NotEmpty(t, reason)
	require.True(t, until.After(time.Now()))
	require.Zero(t, w.requests(func() {
		seen, err := w.fetch(t.Context(), t, ref)
		f := failureOf(ref.TaskID, seen, err)
		require.NotNil(t, f)
		require.Equal(t, task.Account, f.Verdict)
		require.Positive(t, f.RetryAfter)
	}), "a call in the pause")
}

// requireClosed asserts that no call is made while the provider has asked for none, and
// that Fetch returns at once when the deadline of ctx is too near.
func requireClosed(t *testing.T, w *world, ref task.Ref) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.Zero(t, w.requests(func() {
		_, err := w.adapter.Fetch(ctx, []task.Ref{ref})
		require.Error(t, err)
	}), "a call in a closed window")
}

func testWrongKey(t *testing.T, w *world) {
	ref := w.submit(1)[0]
	w.adapter = w.subject.open(t, upstream.Config{BaseURL: w.server.URL, APIKey: "wrong-" + key})
	for range 3 { // a wrong key stays wrong: the pause comes back
		seen, err := w.fetch(t.Context(), t, ref)
		f := failureOf(ref.TaskID, seen, err)
		require.NotNil(t, f)
		require.Equal(t, task.Account, f.Verdict, f)
		require.Error(t, err, "an account's failure concerns all tasks")
		require.Empty(t, seen)
		requirePause(t, w, ref)
		w.advance(f.RetryAfter)
	}
	w.adapter = w.subject.open(t, upstream.Config{BaseURL: w.server.URL, APIKey: key})
	w.sim.Outage(simulator.BadKey)
	_, err := w.fetch(t.Context(), t, ref)
	require.Error(t, err)
	w.sim.Outage(simulator.NoFault)
	requirePause(t, w, ref)
	w.advance(time.Minute)
	w.fetchReady(t, ref)
}

func testKeyIsShownNowhere(t *testing.T, w *world) {
	ref := w.submit(1, simulator.BadKey, simulator.NoCredits, simulator.HTTP500)[0]
	text := fmt.Sprintf("%v %+v", w.adapter, w.adapter)
	for range 3 {
		seen, err := w.fetch(t.Context(), t, ref)
		reason, _, _ := w.adapter.Paused()
		text += fmt.Sprintf("%+v %v %v %s", seen, err, failureOf(ref.TaskID, seen, err), reason)
		w.advance(10 * time.Minute)
	}
	require.NotContains(t, text, key)
}

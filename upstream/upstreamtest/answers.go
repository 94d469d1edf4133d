package upstreamtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// requireNoEnd asserts that no observation says that the task has ended.
func requireNoEnd(t *testing.T, id string, seen map[string]task.Observation) {
	t.Helper()
	obs, ok := seen[id]
	if !ok {
		return
	}
	require.Empty(t, obs.Items)
	require.False(t, obs.Status.Terminal(), "%q: %+v", id, obs)
	require.NotNil(t, obs.Failure, "%q: no failure for a task that does not exist", id)
	require.LessOrEqual(t, obs.Failure.Verdict, task.UnknownTask, "%q: %v", id, obs.Failure)
}

func testAbsent(t *testing.T, w *world) {
	here := w.submit(2)
	lost := task.Ref{TaskID: w.sim.Submit(w.taskType(), simulator.Forgotten), Type: w.taskType()}
	never := task.Ref{TaskID: "00000000-0000-4000-8000-000000000000", Type: w.taskType()}
	seen, err := w.fetch(t.Context(), t, here[0], lost, never, here[1])
	require.NoError(t, err)
	requireReady(t, seen, here...)
	requireNoEnd(t, lost.TaskID, seen)
	requireNoEnd(t, never.TaskID, seen)

	seen, err = w.fetch(t.Context(), t, never, lost)
	require.NoError(t, err, "an answer that knows no task is an answer")
	requireNoEnd(t, lost.TaskID, seen)
	requireNoEnd(t, never.TaskID, seen)

	seen, err = w.fetch(t.Context(), t)
	require.NoError(t, err)
	require.Empty(t, seen)
}

// testPartial makes the last of several calls of a Fetch fail.
func testPartial(t *testing.T, w *world) {
	for _, fault := range []simulator.Fault{simulator.HTTP503, simulator.Malformed, simulator.Cut, simulator.HTML} {
		good := w.submit(w.subject.batch(w.adapter))
		bad := w.submit(1, fault)[0]
		seen, err := w.fetch(t.Context(), t, append(good, bad)...)
		requireReady(t, seen, good...)
		f := failureOf(bad.TaskID, seen, err)
		require.NotNil(t, f, fault)
		require.Equal(t, task.Transient, f.Verdict)
		w.fetchReady(t, bad)
	}
}

// testRequests counts the calls of a Fetch.
func testRequests(t *testing.T, w *world) {
	batch := w.subject.batch(w.adapter)
	warm := w.submit(1)
	_, err := w.fetch(t.Context(), t, warm...) // an adapter may have to find out what the server can do
	require.NoError(t, err)
	for _, n := range []int{1, batch, batch + 1, 2*batch + 3} {
		refs := w.submit(n)
		got := w.requests(func() { w.fetchReady(t, refs...) })
		require.EqualValues(t, (n+batch-1)/batch*w.subject.FirstLook, got, "requests for %d tasks at %d each", n, batch)
		got = w.requests(func() {
			_, err := w.fetch(t.Context(), t, refs...)
			require.NoError(t, err)
		})
		require.EqualValues(t, (n+batch-1)/batch, got, "requests for %d tasks at %d each, again", n, batch)
	}
	require.Zero(t, w.requests(func() { _, _ = w.fetch(t.Context(), t) }))
}

// testMixedTypes asks for tasks of all types in one Fetch.
func testMixedTypes(t *testing.T, w *world) {
	var refs []task.Ref
	for range 7 {
		for _, taskType := range w.subject.Types {
			refs = append(refs, task.Ref{TaskID: w.sim.Submit(taskType, simulator.Ready), Type: taskType})
		}
	}
	seen := w.fetchReady(t, refs...)
	for _, ref := range refs {
		record, _ := w.sim.Task(ref.TaskID)
		require.Len(t, seen[ref.TaskID].Items, len(record.Items))
	}
}

func testDuplicates(t *testing.T, w *world) {
	a, b := w.submit(1)[0], w.submit(1)[0]
	seen, err := w.fetch(t.Context(), t, a, b, a, a, b)
	require.NoError(t, err)
	requireReady(t, seen, a, b)
	for _, ref := range []task.Ref{a, b} {
		record, _ := w.sim.Task(ref.TaskID)
		require.Equal(t, 1, record.Asked)
	}
}

func testSillyIDs(t *testing.T, w *world) {
	good := w.submit(2)
	refs := []task.Ref{good[0]}
	for _, id := range []string{
		"", " ", ".", "..", "../..", "a/b", "a?b=c#d", "%00", "%2e%2e", "a\nb", "\x00", "\xff", "ü", "null", "0", ",", "a,b",
		`"`, `\`, "{}", strings.Repeat("x", 300), strings.Repeat("y", 1<<20),
	} {
		refs = append(refs, task.Ref{TaskID: id, Type: w.taskType()})
	}
	seen, err := w.fetch(t.Context(), t, append(refs, good[1])...)
	require.NoError(t, err)
	requireReady(t, seen, good...)
	for _, ref := range refs[1:] {
		requireNoEnd(t, ref.TaskID, seen)
	}
	_, _, paused := w.adapter.Paused()
	require.False(t, paused)

	// A task type that tasksync does not know must not break the call for other tasks.
	fresh := w.submit(1)[0]
	seen, err = w.fetch(t.Context(), t, task.Ref{TaskID: "T", Type: "karaoke"}, fresh)
	require.NoError(t, err)
	requireReady(t, seen, fresh)
}

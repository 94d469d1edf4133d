package upstreamtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// poisons are the ways in which one task breaks every call that asks for it.
var poisons = []simulator.Fault{
	simulator.HTTP500, simulator.HTTP503, simulator.HTML, simulator.Empty, simulator.Cut, simulator.Malformed,
	simulator.Maintenance, simulator.CreditsText,
}

// cohort is how many tasks are asked for together in the tests of poison. Halving finds
// one of them in 1+log2(cohort) steps; the first step is one call, the others are two.
const (
	cohort = 12
	search = 1 + 2*4
)

// testPoison has one or two of a dozen tasks break every call that asks for them.
func testPoison(t *testing.T, s Subject) {
	for i, fault := range poisons {
		places := [][]int{{5}, {2, 9}}
		if i == 0 { // the fault makes no difference to the search
			places = append(places, []int{0}, []int{cohort - 1})
		}
		for _, at := range places {
			s.run(t, fmt.Sprint(fault, at), func(t *testing.T, w *world) { testPoisoned(t, w, fault, at) })
		}
	}
}

func testPoisoned(t *testing.T, w *world, fault simulator.Fault, at []int) {
	if w.subject.batch(w.adapter) < cohort {
		return // every call is for one task
	}
	warm := w.submit(1)
	_, err := w.fetch(t.Context(), t, warm...)
	require.NoError(t, err)

	var b batch
	for i := range cohort {
		if slices.Contains(at, i) {
			b.bad = append(b.bad, w.submit(1, fault, simulator.Always)...)
			b.all = append(b.all, b.bad[len(b.bad)-1])
		} else {
			b.good = append(b.good, w.submit(1)...)
			b.all = append(b.all, b.good[len(b.good)-1])
		}
	}
	wait := requirePoisonFound(t, w, b, search*len(at)+1)
	for range 3 { // the bad task costs a call of its own, and must be asked for less and less often
		again := requirePoisonFound(t, w, b, 1+len(b.bad))
		require.Greater(t, again, wait)
		wait = again
	}
	_, _, paused := w.adapter.Paused()
	require.False(t, paused, "the failure of one task pauses no credential")
}

// batch is tasks that are asked for together, in their order: good ones, and bad
// ones that break every call.
type batch struct{ all, good, bad []task.Ref }

// requirePoisonFound asserts that one Fetch reports all good tasks, with so many
// requests at most, and leaves the bad ones pending. It returns how long the last of
// the bad ones must wait.
func requirePoisonFound(t *testing.T, w *world, b batch, most int) (wait int64) {
	t.Helper()
	requests := w.requests(func() {
		seen, err := w.fetch(t.Context(), t, b.all...)
		require.NoError(t, err)
		requireReady(t, seen, b.good...)
		for _, ref := range b.bad {
			requireNoEnd(t, ref.TaskID, seen)
			if f := seen[ref.TaskID].Failure; f != nil {
				wait = f.RetryAfter.Nanoseconds()
			}
		}
	})
	require.LessOrEqual(t, requests, int64(most))
	return wait
}

// testPoisonPasses: a task that no longer breaks calls is asked for with the others
// again.
func testPoisonPasses(t *testing.T, w *world) {
	if w.subject.batch(w.adapter) < cohort {
		return
	}
	refs := append(w.submit(cohort-1), w.submit(1, simulator.HTTP500, simulator.HTTP500, simulator.HTTP500, simulator.HTTP500, simulator.HTTP500, simulator.HTTP500)...)
	for passes := 0; ; passes++ {
		require.Less(t, passes, 5)
		seen, err := w.fetch(t.Context(), t, refs...)
		require.NoError(t, err)
		if seen[refs[cohort-1].TaskID].Failure == nil {
			break
		}
	}
	require.EqualValues(t, 1, w.requests(func() { w.fetchReady(t, refs...) }))
}

// testCreditsOfOneTask: the text of a failed task says nothing about the account.
func testCreditsOfOneTask(t *testing.T, w *world) {
	good := w.submit(3)
	broke := task.Ref{TaskID: w.sim.Submit(w.taskType(), simulator.LacksCredits), Type: w.taskType()}
	w.advance(record(t, w, broke).FinalAt.Sub(w.clock.Now()))
	seen, err := w.fetch(t.Context(), t, append(good, broke)...)
	require.NoError(t, err)
	requireReady(t, seen, good...)
	require.Equal(t, task.TaskDead, endOf(seen[broke.TaskID]))
	_, _, paused := w.adapter.Paused()
	require.False(t, paused)
}

// endOf returns the verdict that ends a task: from its own failure, or from its first
// item's where the format has no task around the items.
func endOf(obs task.Observation) task.Verdict {
	switch {
	case obs.Failure != nil:
		return obs.Failure.Verdict
	case len(obs.Items) > 0 && obs.Items[0].Failure != nil:
		return obs.Items[0].Failure.Verdict
	}
	return task.Transient
}

func record(t *testing.T, w *world, ref task.Ref) simulator.Record {
	t.Helper()
	r, ok := w.sim.Task(ref.TaskID)
	require.True(t, ok)
	return r
}

// testDown: while a provider is down, an adapter does not look for a task that breaks
// its calls, and tasks are asked for together again when the provider is back.
func testDown(t *testing.T, s Subject) {
	for _, fault := range []simulator.Fault{simulator.HTTP503, simulator.HTML, simulator.Cut} {
		s.run(t, string(fault), func(t *testing.T, w *world) {
			refs := w.submit(cohort)
			_, err := w.fetch(t.Context(), t, refs...) // an adapter may have to learn
			require.NoError(t, err)
			up := w.requests(func() { _, _ = w.fetch(t.Context(), t, refs...) })
			w.sim.Outage(fault)
			for range 3 {
				require.LessOrEqual(t, w.requests(func() {
					_, err := w.fetch(t.Context(), t, refs...)
					require.Error(t, err)
				}), max(up, 6))
			}
			if w.subject.batch(w.adapter) < cohort {
				return
			}
			w.sim.Outage(simulator.NoFault)
			w.advance(task.DefaultConfirmation().Over)
			require.Equal(t, up, w.requests(func() { w.fetchReady(t, refs...) }))
		})
	}
}

// testAlone: a ref with Alone gets a call of its own, and an answer without the task
// means that the task is unknown.
func testAlone(t *testing.T, w *world) {
	refs := w.submit(3)
	w.fetchReady(t, refs...)
	refs[0].Alone = true
	never := task.Ref{TaskID: "00000000-0000-4000-8000-000000000000", Type: w.taskType(), Alone: true}
	lost := task.Ref{TaskID: w.sim.Submit(w.taskType(), simulator.Forgotten), Type: w.taskType(), Alone: true}
	calls := int64(1 + 2*w.subject.Places)
	if w.subject.batch(w.adapter) > 1 {
		calls++ // for the two other tasks together
	} else {
		calls += 2
	}
	require.Equal(t, calls, w.requests(func() {
		seen, err := w.fetch(t.Context(), t, append(refs, never, lost)...)
		require.NoError(t, err)
		requireReady(t, seen, refs...)
		for _, ref := range []task.Ref{never, lost} {
			f := seen[ref.TaskID].Failure
			require.NotNil(t, f, "an answer without the task")
			require.Equal(t, task.UnknownTask, f.Verdict)
			require.True(t, f.Provisional)
		}
	}))
}

// testBlanks: a row's task id may have blanks around it.
func testBlanks(t *testing.T, w *world) {
	refs := w.submit(3)
	refs[0].TaskID += " "
	refs[1].TaskID = "\t" + refs[1].TaskID + "\r\n"
	w.fetchReady(t, refs...)
}

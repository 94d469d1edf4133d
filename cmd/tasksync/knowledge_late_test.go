package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// failedInTime makes a row that ends at its deadline while its task is under way.
func failedInTime(t *testing.T, provider, late string) (*world, *process, string) {
	t.Helper()
	w := newWorld(t, provider)
	d := start(t, w.with("TASKSYNC_LATE", late), "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.await(t, d, "the row has failed", func() bool { return w.of(t, id).Status == "failed" })
	require.Equal(t, "Task timed out after 5s.", w.of(t, id).Message)
	return w, d, id
}

// A provider that finishes after the deadline, and bills, is noticed: tasksync keeps
// an event and the results for the application. The row stays as it is.
func TestLateResultIsNoticed(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"sunoapi", "acedata"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w, d, id := failedInTime(t, provider, "event")
			w.finish()
			w.await(t, d, "the result is noticed", func() bool { return w.lateEvents(t) > 0 })
			r := w.of(t, id)
			require.Equal(t, 1, w.count(t, `SELECT count(*) FROM tasksync.late_results WHERE generation_id = $1::uuid`, r.ID))
			require.Equal(t, 1, w.lateEvents(t))
			require.Equal(t, "failed", r.Status)
			require.Equal(t, "Task timed out after 5s.", r.Message)
			require.Zero(t, d.stop(t), tail(d.output()))
			require.Equal(t, 1, w.lateEvents(t))
		})
	}
}

// With TASKSYNC_LATE=complete a late result completes the row.
func TestLateResultCompletes(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"sunoapi", "acedata"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w, d, id := failedInTime(t, provider, "complete")
			w.finish()
			w.await(t, d, "the row is complete", func() bool { return w.of(t, id).Status == "complete" })
			record, _ := w.sim.Task(id)
			verifyClips(t, record, w.clips(t)[w.of(t, id).ID], "late")
			require.Equal(t, 1, w.lateEvents(t))
			require.Equal(t, 1, w.count(t, `SELECT count(*) FROM music_generations WHERE error_code IS NULL AND error_message IS NULL`))
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}

// With TASKSYNC_LATE=off no task is asked for after the end of its row.
func TestLateLooksAreOff(t *testing.T) {
	t.Parallel()
	w, d, id := failedInTime(t, "sunoapi", "off")
	before := len(w.front.times(id))
	w.finish()
	w.outlive(t, 2*shortTimeout+shortTimeout/2) // two looks would have been due
	require.Len(t, w.front.times(id), before)
	require.Equal(t, "failed", w.of(t, id).Status)
	require.Zero(t, w.lateEvents(t))
	require.Zero(t, d.stop(t), tail(d.output()))
}

// When a daemon is killed after the end of a row, the next daemon makes the late looks.
func TestLateLooksOutliveTheDaemon(t *testing.T) {
	t.Parallel()
	w, d, id := failedInTime(t, "sunoapi", "complete")
	require.NoError(t, d.cmd.Process.Kill())
	<-d.done
	w.finish()
	w.outlive(t, 2*shortTimeout)
	d = start(t, w.with("TASKSYNC_LATE", "complete"), "run")
	d.ready(t)
	w.await(t, d, "the row is complete", func() bool { return w.of(t, id).Status == "complete" })
	require.Zero(t, d.stop(t), tail(d.output()))
}

func (w *world) lateEvents(t *testing.T) int {
	t.Helper()
	return w.count(t, `SELECT count(*) FROM tasksync.generation_events WHERE via = 'late'`)
}

// A row that its provider refused or ended is no longer asked for: only a row that
// failed at our own deadline may turn out otherwise.
func TestRefusedRowsAreNotLookedAtLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with("TASKSYNC_LATE", "complete"), "run")
	d.ready(t)
	var tasks []string
	for _, fate := range []simulator.Fate{simulator.RefusedCopyright, simulator.InternalError, simulator.CreateFailed, simulator.Invalid} {
		tasks = append(tasks, w.add(t, 1, fate, 0)...)
	}
	w.finish()
	w.await(t, d, "the rows have failed", func() bool {
		return w.failed(t) == len(tasks)
	})
	_, before := w.front.askedFor()
	w.outlive(t, 2*shortTimeout+time.Second)
	_, after := w.front.askedFor()
	require.Equal(t, before, after)
	require.Zero(t, d.stop(t), tail(d.output()))
	w.verify(t)
}

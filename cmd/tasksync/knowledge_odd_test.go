package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// Blanks around a task's id come from copying; calls leave them out.
func TestBlanksAroundTaskIDs(t *testing.T) {
	t.Parallel()
	for _, provider := range providerNames() {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, provider)
			plain := []string{w.sim.Submit(task.Generate, simulator.Ready), w.sim.Submit(task.Generate, simulator.Ready), w.sim.Submit(task.Generate, simulator.Ready)}
			odd := []string{" " + plain[0], plain[1] + "\r\n", "\t" + plain[2] + "  "}
			d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
			d.ready(t)
			w.insertAll(t, odd)
			w.complete(t, d, worldPatience, odd...)
			for id, taskID := range w.rows { // the upstream knows the plain ids
				w.rows[id] = plain[at(odd, taskID)]
			}
			w.ended(t, d)
		})
	}
}

func at(list []string, s string) int {
	for i := range list {
		if list[i] == s {
			return i
		}
	}
	return -1
}

// again is an UPDATE by hand that makes an ended row pending again.
const again = `UPDATE music_generations SET status = 'submitted', error_code = NULL, error_message = NULL, completed_at = NULL, created_at = now()`

// A row that is made pending again by hand has all of its time again, whatever is
// recorded about it: that it was overdue, that its created_at was in the future.
func TestRowsAreFollowedAgainByHand(t *testing.T) {
	t.Parallel()
	for name, ago := range map[string]time.Duration{"now": 0, "8 h ahead": -8 * time.Hour, "an hour ago": time.Hour} {
		for _, late := range []string{"event", "complete"} {
			t.Run(name+" "+late, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, "sunoapi")
				d := start(t, w.with("TASKSYNC_LATE", late), "run")
				d.ready(t)
				id := w.add(t, 1, simulator.Success, ago)[0]
				w.await(t, d, "the row has failed", func() bool { return w.failed(t) == 1 })
				before := len(w.front.times(id))
				w.exec(t, again)
				w.asked(t, d, before+3, id)
				require.Zero(t, w.failed(t), w.standing(t))
				w.finish()
				w.complete(t, d, worldPatience, id)
				w.outlive(t, 2*shortTimeout) // late looks from before would be due
				require.Equal(t, "complete", w.of(t, id).Status)
				require.Zero(t, w.count(t, `SELECT count(*) FROM tasksync.late_results`), "nothing of it came late")
				require.Zero(t, d.stop(t), tail(d.output()))
			})
		}
	}
}

// Two daemons together make the late looks of a row once, and write its result once.
func TestTwoDaemonsNoticeOnce(t *testing.T) {
	t.Parallel()
	for _, late := range []string{"event", "complete"} {
		t.Run(late, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sunoapi")
			first, second := start(t, w.with("TASKSYNC_LATE", late), "run"), start(t, w.with("TASKSYNC_LATE", late), "run")
			first.ready(t)
			second.ready(t)
			w.add(t, 10, simulator.Success, 0)
			w.await(t, first, "the rows have failed", func() bool { return w.failed(t) == 10 })
			w.finish()
			w.await(t, first, "all are noticed", func() bool {
				return w.count(t, `SELECT count(DISTINCT generation_id) FROM tasksync.generation_events WHERE via = 'late'`) == 10
			})
			require.Zero(t, first.stop(t), tail(first.output()))
			require.Zero(t, second.stop(t), tail(second.output()))
			require.Equal(t, 10, w.lateEvents(t))
		})
	}
}

// A row that is deleted while tasksync remembers something about it leaves nothing
// behind that fails or is asked for.
func TestDeletedRowsAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.sim.Outage(simulator.HTTP503)
	d := start(t, w.with(), "run")
	d.ready(t)
	gone := w.add(t, 5, simulator.Success, 0)
	w.outlive(t, shortTimeout+2*time.Second) // they are overdue by now
	w.exec(t, `DELETE FROM music_generations`)
	clear(w.rows)
	w.sim.Outage(simulator.NoFault)
	stay := w.add(t, 5, simulator.Ready, 0)
	w.complete(t, d, worldPatience, stay...)
	w.outlive(t, 2*shortTimeout)
	before := w.leastAsked(gone)
	w.outlive(t, 2*shortTimeout+3*time.Second)
	require.Equal(t, before, w.leastAsked(gone))
	w.ended(t, d)
	require.NotContains(t, d.output(), `"level":"ERROR"`)
}

// A user's command that looks at rows now ends no row without an answer.
func TestSyncCommandEndsNothingUnasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.sim.Outage(simulator.HTTP503)
	tasks := w.add(t, 2, simulator.Success, time.Hour)
	for id := range w.rows {
		p := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "sync", id)
		<-p.done
	}
	require.Zero(t, w.count(t, `SELECT count(*) FROM music_generations WHERE status IN ('complete', 'failed')`), w.standing(t))
	w.sim.Outage(simulator.NoFault)
	w.finish()
	for id := range w.rows {
		p := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "sync", id)
		<-p.done
		require.Equal(t, exitOK, p.cmd.ProcessState.ExitCode(), p.output())
	}
	w.complete(t, nil, worldPatience, tasks...)
	w.verify(t)
}

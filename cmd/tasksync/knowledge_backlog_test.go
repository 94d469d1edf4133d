package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// At the first start on a database with rows that have been stuck for an hour, their
// tasks are complete, and each task is asked for before its row is decided.
func TestBacklogIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		provider  string
		rows      int
		rateLimit string
	}{
		{"sunoapi", 500, "20"},
		{"sunoapi", 40, "20/10s"}, // the provider's own limit
		{"kie", 100, "5"},
		{"sunoproxy", 500, "0.3"},
		{"acedata", 500, "10"},
		{"sunoclips", 100, "10"},
	} {
		t.Run(fmt.Sprintf("%s %d at %s", tc.provider, tc.rows, tc.rateLimit), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tc.provider)
			tasks := w.add(t, tc.rows, simulator.Success, time.Hour)
			w.finish()
			d := start(t, w.with("TASKSYNC_RATE_LIMIT", tc.rateLimit, "TASKSYNC_TIMEOUT", "10m"), "run")
			d.ready(t)
			w.complete(t, d, 2*worldPatience, tasks...)
			w.ended(t, d)
		})
	}
}

// Rows are a little past their deadline, and answers take as long as real ones: no
// answer that was paid for may be lost because its pass ended before it came.
func TestNoAnswerIsLost(t *testing.T) {
	t.Parallel()
	const rows = 200
	for _, provider := range []string{"sunoapi", "kie"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, provider)
			tasks := w.add(t, rows, simulator.Ready, 12*time.Minute)
			w.front.answers(always(takes(700 * time.Millisecond)))
			settings := w.with("TASKSYNC_RATE_LIMIT", "20", "TASKSYNC_TIMEOUT", "10m")
			delete(settings, "TASKSYNC_POLL_INTERVAL") // the default
			d := start(t, settings, "run")
			d.ready(t)
			w.complete(t, d, 2*worldPatience, tasks...)
			w.ended(t, d)
			twice := 0
			for _, id := range tasks {
				if len(w.front.times(id)) > 1 {
					twice++
				}
			}
			t.Logf("%d of %d tasks were asked for more than once", twice, rows)
			require.Less(t, twice, rows/10, "each was ready at the first look")
		})
	}
}

// Thousands of stale rows do not delay a new one.
func TestNewRowsOvertakeTheBacklog(t *testing.T) {
	t.Parallel()
	const stale, fresh = 3000, 5
	w := newWorld(t, "sunoapi")
	w.add(t, stale, simulator.Success, time.Hour)
	w.finish()
	settings := w.with("TASKSYNC_RATE_LIMIT", "20/10s", "TASKSYNC_TIMEOUT", "10m")
	d := start(t, settings, "run")
	d.ready(t)
	w.await(t, d, "the backlog is under way", func() bool { _, calls := w.front.askedFor(); return calls > 5 })
	var slowest time.Duration
	for range fresh {
		began := time.Now()
		id := w.add(t, 1, simulator.Ready, 0)[0]
		w.asked(t, d, 1, id)
		took := w.front.times(id)[0].Sub(began)
		t.Logf("first look after %s", took.Round(time.Millisecond))
		slowest = max(slowest, took)
		w.complete(t, d, worldPatience, id)
	}
	require.Less(t, slowest, 5*time.Second, w.standing(t)) // a second on a machine of its own
	tasks, _ := w.front.askedFor()
	require.Less(t, tasks, stale, "there was a backlog to overtake")
	require.Zero(t, w.failed(t))
	require.Zero(t, d.stop(t), tail(d.output()))
}

// The grace of rows ends even if their provider cannot be asked: a row whose provider
// is away for good fails, and the row's text says since when and why.
func TestGraceEnds(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]simulator.Fault{"down": simulator.HTTP503, "hangs": simulator.Hang, "nonsense": simulator.HTML} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sunoapi")
			w.sim.Outage(outage)
			d := start(t, w.with("TASKSYNC_GRACE", "10s"), "run")
			d.ready(t)
			w.add(t, 5, simulator.Success, 0)
			w.await(t, d, "the rows have failed", func() bool {
				return w.failed(t) == 5
			})
			for _, r := range w.all(t) {
				t.Logf("ended %.1f s after created_at: %s", r.SinceCreated, r.Message)
				require.Greater(t, r.SinceCreated, (shortTimeout+10*time.Second).Seconds()-1)
				require.Equal(t, "API_ERROR", r.Code)
				require.NotEqual(t, "Task timed out after 5s.", r.Message, "it says that the provider could not be asked")
			}
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}

// The grace does not run while the account is paused.
func TestGraceWaitsForTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.sim.Outage(simulator.BadKey)
	d := start(t, w.with("TASKSYNC_TIMEOUT", "2s", "TASKSYNC_GRACE", "4s"), "run")
	d.ready(t)
	tasks := w.add(t, 5, simulator.Success, 0)
	w.finish()
	w.outlive(t, 20*time.Second)
	require.Zero(t, w.failed(t), w.standing(t))
	w.sim.Outage(simulator.NoFault)
	w.complete(t, d, worldPatience, tasks...)
	w.ended(t, d)
	require.Contains(t, d.output(), "refuse")
}

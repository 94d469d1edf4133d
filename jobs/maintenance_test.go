package jobs

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream/simulator"
)

// TestExpireWhileEveryWorkerWaits has an upstream that hangs and fewer workers
// than jobs: the deadline is kept all the same.
func TestExpireWhileEveryWorkerWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sim.Outage(simulator.Hang)
	var young, overdue []string
	for range 3 {
		id, _ := b.submit(task.Generate, simulator.Stuck, 0)
		young = append(young, id)
		id, _ = b.submit(task.Generate, simulator.Stuck, time.Hour)
		overdue = append(overdue, id)
	}
	c := b.start(b.newClient(sweepEvery(200*time.Millisecond), func(c *Config) { c.Workers, c.CohortSize = 1, 1 }))
	require.NoError(t, c.HandOn(t.Context(), young))
	for _, id := range overdue {
		b.until("it is timed out", func() bool { return b.status(id) == "failed" })
	}
	for _, id := range young {
		require.Equal(t, "submitted", b.status(id))
	}
}

func TestExpireForgetsOldEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, days := range []int{0, 29, 31, 400} {
		b.exec(`INSERT INTO tasksync.generation_events (generation_id, from_status, to_status, via, created_at)
			VALUES (gen_random_uuid(), 'submitted', 'complete', 'poll', now() - make_interval(days => $1))`, days)
	}
	w := &expireWorker{syncer: b.syncer, queries: b.client.queries, client: b.client}
	require.NoError(t, w.Work(t.Context(), &river.Job[ExpireArgs]{}))
	var left int
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM tasksync.generation_events`).Scan(&left))
	require.Equal(t, 2, left)
}

func TestExpireRunsOnceAtATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.submit(task.Generate, simulator.Stuck, time.Hour)
	w := &expireWorker{syncer: b.syncer, queries: b.client.queries, client: b.client}
	w.running.Store(true)
	require.NoError(t, w.Work(t.Context(), &river.Job[ExpireArgs]{}))
	require.Equal(t, "submitted", b.status(id), "left to the run that is under way")
	w.running.Store(false)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, w.Work(ctx, &river.Job[ExpireArgs]{}), "stopping is no failure")
	require.NoError(t, w.Work(t.Context(), &river.Job[ExpireArgs]{}))
	require.Equal(t, "failed", b.status(id))
}

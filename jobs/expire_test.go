package jobs

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

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

func TestExpireLooksForLateResultsOnceAtATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.submit(task.Generate, simulator.Ready, time.Hour)
	b.exec(`UPDATE music_generations SET status = 'failed', error_code = 'API_ERROR', error_message = 'Task timed out after 10 minutes.' WHERE id = $1`, id)
	b.exec(`INSERT INTO tasksync.generation_memory (generation_id, ended_at, late_at) VALUES ($1, now() - interval '2 minutes', now())`, id)
	late := func() (n int) {
		require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM tasksync.late_results`).Scan(&n))
		return n
	}
	w := &expireWorker{syncer: b.syncer, queries: b.client.queries, client: b.client}
	w.running.Store(true)
	require.NoError(t, w.Work(t.Context(), &river.Job[ExpireArgs]{}))
	require.Zero(t, late(), "left to the run that is under way")
	w.running.Store(false)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, w.Work(ctx, &river.Job[ExpireArgs]{}), "stopping is no failure")
	require.NoError(t, w.Work(t.Context(), &river.Job[ExpireArgs]{}))
	require.Equal(t, 1, late())
	require.Equal(t, "failed", b.status(id))
}

func TestExpireForgetsWhatIsLeftOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pending, _ := b.submit(task.Generate, simulator.Stuck, 0)
	ended, _ := b.submit(task.Generate, simulator.Stuck, 0)
	waiting, _ := b.submit(task.Generate, simulator.Stuck, 0)
	b.exec(`UPDATE music_generations SET status = 'failed' WHERE id = ANY ($1::uuid[])`, []string{ended, waiting})
	for _, id := range []string{pending, ended, waiting} {
		b.exec(`INSERT INTO tasksync.generation_memory (generation_id, doubts, updated_at) VALUES ($1, 1, now() - interval '2 hours')`, id)
	}
	b.exec(`UPDATE tasksync.generation_memory SET late_at = now() + interval '1 hour' WHERE generation_id = $1`, waiting)
	b.exec(`INSERT INTO tasksync.generation_memory (generation_id, updated_at) VALUES (gen_random_uuid(), now() - interval '2 hours'), (gen_random_uuid(), now())`)
	w := &expireWorker{syncer: b.syncer, queries: b.client.queries, client: b.client}
	require.NoError(t, w.Work(t.Context(), &river.Job[ExpireArgs]{}))
	var left []string
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT array_agg(generation_id::text) FROM tasksync.generation_memory WHERE updated_at < now() - interval '1 hour'`).Scan(&left))
	require.ElementsMatch(t, []string{pending, waiting}, left)
}

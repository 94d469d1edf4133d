package jobs

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// TestBacklogWhileEveryWorkerWaits has an upstream that hangs for some tasks, and
// fewer workers than they have jobs: rows past their deadline have workers of their
// own.
func TestBacklogWhileEveryWorkerWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var young, overdue []string
	for range 3 {
		id, _ := b.submit(task.Generate, simulator.Stuck, 0, slices.Repeat([]simulator.Fault{simulator.Hang}, 20)...)
		young = append(young, id)
		id, _ = b.submit(task.Generate, simulator.Stuck, time.Hour)
		overdue = append(overdue, id)
	}
	c := b.start(b.newClient(sweepEvery(200*time.Millisecond), func(c *Config) { c.Workers, c.CohortSizes = 1, map[string]int{"": 1} }))
	require.NoError(t, c.HandOn(t.Context(), young))
	for _, id := range overdue {
		b.until("it is timed out", func() bool { return b.status(id) == "failed" })
	}
	for _, id := range young {
		require.Equal(t, "submitted", b.status(id))
	}
}

// A cohort whose members come to their deadline at different times, while their
// upstream is down: those that are overdue go on in the backlog, the others stay.
func TestOverdueMembersLeaveTheirCohort(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sim.Outage(simulator.HTTP503)
	young, _ := b.submit(task.Generate, simulator.Ready, 0)
	old, _ := b.submit(task.Generate, simulator.Ready, time.Hour)
	b.exec(`INSERT INTO tasksync.river_job (kind, queue, state, priority, max_attempts, scheduled_at, args)
		VALUES ('sync', 'sync', 'available', 1, 10, now(), jsonb_build_object('task_type', 'generate', 'ids', jsonb_build_array($1::text, $2::text)))`, young, old)
	b.start(b.newClient())
	jobOf := func(id string) (queue string) {
		_ = b.pool.QueryRow(context.Background(), `SELECT string_agg(queue, ' ') FROM tasksync.river_job
			WHERE kind = 'sync' AND state NOT IN ('completed', 'cancelled') AND args -> 'ids' = jsonb_build_array($1::text)`, id).Scan(&queue)
		return queue
	}
	b.until("the old one has left", func() bool { return jobOf(old) == queueBacklog && jobOf(young) == queueSync })
	b.sim.Outage(simulator.NoFault)
	b.until("both are complete", func() bool { return b.status(young) == "complete" && b.status(old) == "complete" })
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

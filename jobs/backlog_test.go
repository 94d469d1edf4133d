package jobs

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// TestBacklogWhileEveryWorkerWaits has an upstream that hangs for some tasks,
// and fewer workers than those tasks have jobs: overdue rows have workers of
// their own.
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

// A cohort whose members have different deadlines, while their upstream is down:
// the overdue members move to the backlog, the others stay.
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

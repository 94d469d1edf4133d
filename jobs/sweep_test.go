package jobs

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func TestSweepFindsUnfollowedRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const old = time.Minute
	for name, state := range map[string]string{
		"a completed job":           "completed",
		"a cancelled job":           "cancelled",
		"a discarded job":           "discarded",
		"the job of a dead daemon":  "running 25 s",
		"the job of an old outage":  "running 5 hours",
		"no job, its hint was lost": "",
	} {
		id := b.insert(task.Generate, name, old)
		if state != "" {
			b.addJob(state, id)
		}
	}
	lostJob := b.insert(task.Lyrics, "the job was deleted", old)
	b.exec(`DELETE FROM tasksync.river_job WHERE id = $1`, b.addJob("available", lostJob))
	future := b.insert(task.Merge, "a clock that is wrong", -time.Hour)
	malformed := b.insert(task.Merge, "a job without sense", old)
	b.exec(`UPDATE tasksync.river_job SET args = '"nonsense"' WHERE id = $1`, b.addJob("retryable", malformed))

	var followed []string
	for _, state := range []string{"available", "scheduled", "retryable", "pending", "running 0 s", "running 15 s"} {
		id := b.insert(task.Generate, state, old)
		b.addJob(state, id)
		followed = append(followed, id)
	}
	young := b.insert(task.Generate, "young", 0)
	ended := b.insert(task.Generate, "ended", old)
	b.exec(`UPDATE music_generations SET status = 'failed' WHERE id = $1`, ended)
	b.insert("", "V1", old)
	b.insert("remix", "unknown", old)
	before := len(b.jobs())

	swept, err := b.client.Sweep(t.Context(), sweepGrace)
	require.NoError(t, err)
	require.Len(t, swept, 6+3)
	require.Contains(t, swept, lostJob)
	require.Contains(t, swept, future)
	require.Contains(t, swept, malformed)
	for _, id := range append(followed, young, ended) {
		require.NotContains(t, swept, id)
	}
	require.Len(t, b.jobs()[before:], 3, "one for each type")

	again, err := b.client.Sweep(t.Context(), sweepGrace)
	require.NoError(t, err)
	require.Empty(t, again)
	again, err = b.client.Sweep(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, []string{young}, again, "no grace: the feed has just begun")
}

func TestConcurrentSweepsMakeNoDoubles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`INSERT INTO music_generations (task_id, task_type, created_at)
		SELECT 't' || n, CASE n % 2 WHEN 0 THEN 'generate' ELSE 'lyrics' END, now() - interval '1 minute' FROM generate_series(1, 503) n`)
	var running sync.WaitGroup
	swept := make(chan int, 8)
	for range 8 {
		c := b.newClient()
		running.Go(func() {
			ids, err := c.Sweep(context.Background(), 0)
			if err != nil {
				t.Error(err)
			}
			swept <- len(ids)
		})
	}
	running.Wait()
	close(swept)
	total := 0
	for n := range swept {
		total += n
	}
	require.Equal(t, 503, total)
	seen := map[string]bool{}
	for _, job := range b.jobs() {
		require.Equal(t, "available", job.State)
		require.LessOrEqual(t, len(job.IDs), 10)
		for _, id := range job.IDs {
			require.False(t, seen[id])
			seen[id] = true
		}
	}
	require.Len(t, seen, 503)
}

// TestSweepOfMany needs more than one transaction.
func TestSweepOfMany(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`ALTER TABLE music_generations DISABLE TRIGGER USER`)
	b.exec(`INSERT INTO music_generations (task_id, task_type, created_at)
		SELECT 't' || n, 'generate', now() - interval '1 minute' FROM generate_series(1, $1) n`, sweepMax+7)
	c := b.newClient(func(c *Config) { c.CohortSizes = map[string]int{"": 100} })
	swept, err := c.Sweep(t.Context(), sweepGrace)
	require.NoError(t, err)
	require.Len(t, swept, sweepMax+7)
	require.Len(t, b.jobs(), 101)
}

func TestSweepCancelsRedundantJobs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ids []string
	for range 5 {
		ids = append(ids, b.insert(task.Generate, "t", time.Minute))
	}
	want := map[int64]string{}
	add := func(becomes, state string, ids ...string) { want[b.addJob(state, ids...)] = becomes }
	add("running", "running 25 s", ids[0], ids[1]) // dead: it follows no row
	add("available", "available", ids[0], ids[1])
	add("cancelled", "available", ids[1])
	add("cancelled", "scheduled", ids[0], ids[1])
	add("available", "available", ids[1], ids[2])
	add("running", "running 1 s", ids[0])
	add("scheduled", "scheduled", ids[3])
	add("cancelled", "available", ids[0], ids[2], ids[3])
	add("completed", "completed", ids[4])
	add("retryable", "retryable", ids[4])
	b.exec(`UPDATE tasksync.river_job SET scheduled_at = now() + interval '10 minutes' WHERE state IN ('scheduled', 'retryable')`)
	for range 2 {
		swept, err := b.client.Sweep(t.Context(), sweepGrace)
		require.NoError(t, err)
		require.Empty(t, swept)
		for _, job := range b.jobs() {
			require.Equal(t, want[job.ID], job.State, "job %d", job.ID)
		}
	}
}

func TestSweepWithoutDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`DROP SCHEMA tasksync CASCADE`)
	_, err := b.client.Sweep(t.Context(), 0)
	require.ErrorContains(t, err, "sweep")
}

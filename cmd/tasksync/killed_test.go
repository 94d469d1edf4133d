package main

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// TestJobsOfAKilledDaemon kills a daemon while it waits for the provider. Another one
// gives its jobs back, which River does much later.
func TestJobsOfAKilledDaemon(t *testing.T) {
	t.Parallel()
	w := &e2e{provider: "sunoapi", seed: 1, url: postgrestest.URL(t)}
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.pool = pool
	w.serve(t, simulator.Config{Speed: e2eSpeed, Mix: simulator.Mix{simulator.Success: 1}})
	killed := start(t, w.settings(), "run")
	killed.ready(t)
	var ids []string
	for range 60 {
		ids = append(ids, w.sim.Submit(task.Generate, simulator.Success, simulator.Hang))
	}
	_, err = pool.Exec(t.Context(), `INSERT INTO music_generations (task_id, task_type) SELECT unnest($1::text[]), 'generate'`, ids)
	require.NoError(t, err)
	running := func() (n int) {
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM tasksync.river_job WHERE kind = 'sync' AND state = 'running'`).Scan(&n))
		return n
	}
	require.Eventually(t, func() bool { return running() > 0 }, time.Minute, 5*time.Millisecond)
	other := start(t, w.settings(), "run")
	other.ready(t)
	require.NoError(t, killed.cmd.Process.Kill())
	<-killed.done
	began := time.Now()
	jobs := running()
	require.Eventually(t, func() bool { return strings.Contains(other.output(), "Jobs of a daemon that is gone are worked again") },
		time.Minute, 20*time.Millisecond, "%d jobs", jobs)
	t.Logf("%d jobs are given back after %s", jobs, time.Since(began).Round(10*time.Millisecond))
	w.settle(t, func() *process { return other })
	require.Zero(t, other.stop(t), tail(other.output()))
}

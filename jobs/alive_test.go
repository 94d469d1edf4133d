package jobs

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// running makes a job that a daemon is working.
func (b *bundle) running(worker, id string) int64 {
	b.Helper()
	job := b.addJob("running 0 s", id)
	b.exec(`UPDATE tasksync.river_job SET attempted_by = ARRAY['earlier', $2] WHERE id = $1`, job, worker)
	return job
}

func (b *bundle) lease(worker, lasts string) {
	b.Helper()
	b.exec(`INSERT INTO tasksync.feed_lease (name, holder, expires_at) VALUES ('jobs ' || $1, $1, clock_timestamp() + $2::interval)`, worker, lasts)
}

func TestJobsOfDeadDaemonsAreWorkedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dead := make(map[int64]string)
	for _, worker := range []string{"gone", "gone and forgotten"} {
		id, _ := b.submit(task.Generate, simulator.Success, 0)
		dead[b.running(worker, id)] = id
	}
	b.lease("gone", "-1 second")
	other, _ := b.submit(task.Generate, simulator.Success, 0)
	b.lease("lives", "1 hour")
	live := b.running("lives", other)
	b.exec(`UPDATE tasksync.river_job SET attempted_at = now() - interval '1 second', attempt = 1`)

	b.start(b.newClient())
	b.until("the jobs are given back", func() bool { return strings.Contains(b.log.String(), "Jobs of a daemon that is gone are worked again") })
	for job, id := range dead {
		b.until("the row is looked at", func() bool { return b.status(id) != "submitted" })
		require.NotZero(t, job)
	}
	for _, job := range b.jobs() {
		require.NotContains(t, []string{"discarded", "cancelled"}, job.State)
		if job.ID == live {
			require.Equal(t, "running", job.State)
		}
	}
}

// Nobody could renew a lease while the database was away: a daemon that has just got
// through must not judge the others.
func TestNobodyIsJudgedBeforeALeaseHasPassed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.submit(task.Generate, simulator.Success, 0)
	job := b.running("gone", id)
	b.exec(`UPDATE tasksync.river_job SET attempted_at = now() - interval '1 hour' WHERE id = $1`, job)
	state := func() string { return b.jobs()[0].State }
	require.NoError(t, b.client.beat(t.Context(), false))
	require.Equal(t, "running", state())
	require.NoError(t, b.client.beat(t.Context(), true))
	require.Equal(t, "available", state())
	require.Zero(t, b.jobs()[0].Attempt, "a job does not lose an attempt with its daemon")
}

// The sweep does not need River's leader, which may have died.
func TestSweepWithoutALeader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`INSERT INTO tasksync.river_leader (elected_at, expires_at, leader_id) VALUES (now(), now() + interval '1 hour', 'gone')`)
	b.start(b.newClient(sweepEvery(50 * time.Millisecond)))
	id, _ := b.submit(task.Generate, simulator.Success, time.Minute)
	b.until("the row is followed", func() bool { return b.status(id) != "submitted" })
}

// Daemons take turns: together they sweep as often as one.
func TestOneDaemonSweeps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var turns int
	for range 5 {
		turn, err := b.newClient().turn(context.Background())
		require.NoError(t, err)
		if turn {
			turns++
		}
	}
	require.Equal(t, 1, turns)
	b.exec(`UPDATE tasksync.feed_lease SET expires_at = now() WHERE name = 'sweep'`)
	turn, err := b.newClient().turn(context.Background())
	require.NoError(t, err)
	require.True(t, turn, "the daemon that had its turn may be gone")
}

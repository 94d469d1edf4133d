package outgoing

import (
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/syncer"
	"tasksync/task"
)

// A notification whose job is gone is found and sent, one by one of a row.
func TestLostJob(t *testing.T) {
	t.Parallel()
	b, s := setup(t, 1)
	id := b.row(task.Processing)
	b.ends(b.notifier, id, task.Processing, task.Failed)
	b.ends(b.notifier, id, task.Failed, task.Submitted)
	require.NoError(t, b.notifier.Upkeep(t.Context()))
	require.Equal(t, 2, b.count(`SELECT count(*) FROM tasksync.river_job`), "nothing is lost yet")
	b.exec(`UPDATE tasksync.notifications SET next_at = now() - interval '2 minutes'`)
	require.NoError(t, b.notifier.Upkeep(t.Context()))
	require.Equal(t, 2, b.count(`SELECT count(*) FROM tasksync.river_job`), "they have jobs")
	b.exec(`DELETE FROM tasksync.river_job`)
	require.NoError(t, b.notifier.Upkeep(t.Context()))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.river_job`), "the later one waits for the earlier")
	b.work(b.notifier)
	b.until("both are told", func() bool { return len(s[0].of(id)) == 2 })
	require.Equal(t, []Type{Failed, Reopened}, s[0].types(id))
}

// When a daemon dies in an attempt, another sends the notification after the lease. When it
// dies between the end of a notification and the job of the next, the job that is worked
// again makes it.
func TestKilledDaemon(t *testing.T) {
	t.Parallel()
	b, s := setup(t, 1)
	id := b.row(task.Processing)
	b.ends(b.notifier, id, task.Processing, task.Failed)
	b.ends(b.notifier, id, task.Failed, task.Submitted)
	first := b.count(`SELECT min(id)::int FROM tasksync.notifications`)
	b.exec(`DELETE FROM tasksync.river_job WHERE args ->> 'id' <> $1::int::text`, first)
	b.exec(`UPDATE tasksync.notifications SET state = 'delivered', ended_at = now() WHERE id = $1`, first)
	b.work(b.notifier)
	b.until("the next is told", func() bool { return len(s[0].of(id)) == 1 })
	require.Equal(t, []Type{Reopened}, s[0].types(id))

	other := b.row(task.Processing)
	require.NoError(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		if err := b.notifier.Effect(t.Context(), tx, []syncer.Ending{{Generation: task.Generation{ID: other}, From: task.Processing, To: task.Failed}}); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `UPDATE tasksync.notifications SET next_at = now() + interval '20 seconds' WHERE generation_id = $1`, other) // taken
		return err
	}))
	b.until("the job waits for the end of the lease", func() bool {
		return b.count(`SELECT count(*) FROM tasksync.river_job WHERE state IN ('scheduled', 'available') AND scheduled_at > now() + interval '5 seconds'`) == 1
	})
	require.Empty(t, s[0].of(other))
	b.due()
	b.until("it is told", func() bool { return len(s[0].of(other)) == 1 })
}

// A stop in the middle of an attempt counts as none, and the next daemon makes it at once.
func TestStopInAnAttempt(t *testing.T) {
	t.Parallel()
	b, s := setup(t, 1)
	begun, hang := make(chan struct{}, 1), make(chan struct{})
	s[0].answers(func(got, http.ResponseWriter) { begun <- struct{}{}; <-hang })
	id := b.row(task.Processing)
	stop := b.work(b.notifier)
	b.ends(b.notifier, id, task.Processing, task.Failed)
	<-begun
	stop()
	state, result, attempts := b.state(id)
	require.Equal(t, []any{pending, "", 0}, []any{state, result, attempts})
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.notifications WHERE next_at <= now()`))
	s[0].answers(nil)
	close(hang)
	b.work(b.notifier)
	b.until("it is told", func() bool { return len(s[0].of(id)) == 2 })
}

// What waits for a receiver that is not configured any more is dead, and can be sent to
// another.
func TestRemovedURL(t *testing.T) {
	t.Parallel()
	b, s := setup(t, 2)
	id, other := b.row(task.Processing), b.row(task.Processing)
	former := b.open("http://127.0.0.1:9/former")
	b.ends(former, id, task.Processing, task.Failed)
	b.ends(former, other, task.Processing, task.Failed)
	require.NoError(t, b.notifier.Upkeep(t.Context()))
	require.Zero(t, b.count(`SELECT count(*) FROM tasksync.notifications WHERE state = 'dead'`), "a daemon that has the URL may be about to send it")
	b.exec(`UPDATE tasksync.notifications SET next_at = now() - interval '11 minutes'`)
	require.NoError(t, former.Upkeep(t.Context()))
	require.NoError(t, b.notifier.Upkeep(t.Context()))
	require.Equal(t, 2, b.count(`SELECT count(*) FROM tasksync.notifications WHERE state = 'dead' AND result = $1`, resultNoURL))

	replayed, strangers, err := b.notifier.Replay(t.Context(), ReplayRequest{})
	require.NoError(t, err)
	require.Equal(t, []int{0, 2}, []int{replayed, strangers}, "which of the two URLs is not said")
	replayed, strangers, err = b.notifier.Replay(t.Context(), ReplayRequest{IDs: []string{id}, To: b.notifier.names[1]})
	require.NoError(t, err)
	require.Equal(t, []int{1, 0}, []int{replayed, strangers})
	b.work(b.notifier)
	b.until("it is told", func() bool { return len(s[1].of(id)) == 1 })
	one := b.open(s[0].url)
	for _, dry := range []bool{true, false} {
		replayed, strangers, err = one.Replay(t.Context(), ReplayRequest{DryRun: dry})
		require.NoError(t, err)
		require.Equal(t, []int{1, 0}, []int{replayed, strangers}, "the only URL")
	}
	b.until("it is told", func() bool { return len(s[0].of(other)) == 1 })
	require.Empty(t, s[0].of(id))
}

// What waits behind an earlier notification of its row, which a daemon with the URL tries
// again, is not dead at a daemon without the URL.
func TestWaitingBehindAnAttempt(t *testing.T) {
	t.Parallel()
	b, _ := setup(t, 1)
	id := b.row(task.Processing)
	former := b.open("http://127.0.0.1:9/other")
	b.ends(former, id, task.Processing, task.Failed)
	b.ends(former, id, task.Failed, task.Submitted)
	b.exec(`UPDATE tasksync.notifications SET next_at = now() - interval '11 minutes' WHERE type = $1`, Reopened)
	require.NoError(t, b.notifier.Upkeep(t.Context()))
	require.Zero(t, b.count(`SELECT count(*) FROM tasksync.notifications WHERE state = 'dead'`))
	b.exec(`UPDATE tasksync.notifications SET next_at = now() - interval '11 minutes'`)
	for range 2 {
		require.NoError(t, b.notifier.Upkeep(t.Context()))
	}
	require.Equal(t, 2, b.count(`SELECT count(*) FROM tasksync.notifications WHERE state = 'dead'`))
}

// The jobs of a receiver that is not configured any more do not stay.
func TestStrayJobs(t *testing.T) {
	t.Parallel()
	b, _ := setup(t, 1)
	former := b.open("http://127.0.0.1:9/former")
	for _, n := range []*Notifier{former, b.notifier} {
		b.ends(n, b.row(task.Processing), task.Processing, task.Failed)
	}
	require.NoError(t, b.notifier.Upkeep(t.Context()))
	require.Equal(t, 2, b.count(`SELECT count(*) FROM tasksync.river_job`), "a daemon that has the URL may work it")
	b.exec(`UPDATE tasksync.river_job SET scheduled_at = now() - interval '11 minutes'`)
	b.exec(`UPDATE tasksync.notifications SET next_at = now() - interval '2 minutes'`)
	require.NoError(t, b.notifier.Upkeep(t.Context()))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.river_job WHERE queue = $1`, b.notifier.receivers[b.notifier.names[0]].queue))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.river_job`))
	require.NoError(t, former.Upkeep(t.Context()))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.river_job WHERE queue = $1`, former.receivers[former.names[0]].queue), "what is pending has a job again")
}

// What has ended is kept for its retention.
func TestRetention(t *testing.T) {
	t.Parallel()
	b, _ := setup(t, 1)
	for _, c := range []struct {
		state string
		days  int
	}{{delivered, 6}, {delivered, 8}, {dead, 8}, {dead, 29}, {dead, 31}, {pending, 400}} {
		b.exec(`INSERT INTO tasksync.notifications (message_id, receiver, type, generation_id, state, next_at, ended_at)
			VALUES (gen_random_uuid(), $1, 't', gen_random_uuid(), $2, now() + interval '1 day', CASE WHEN $2 <> 'pending' THEN now() - make_interval(days => $3) END)`, b.notifier.names[0], c.state, c.days)
	}
	require.NoError(t, b.notifier.Upkeep(t.Context()))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.notifications WHERE state = 'delivered'`))
	require.Equal(t, 2, b.count(`SELECT count(*) FROM tasksync.notifications WHERE state = 'dead'`))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.notifications WHERE state = 'pending'`))
}

// The trouble of notifications keeps no row from ending. A body that could not be made with
// the event is made when it is sent.
func TestTroubleCostsNoRow(t *testing.T) {
	t.Parallel()
	b, s := setup(t, 1)
	id, deleted, lost := b.row(task.Processing), b.row(task.Processing), b.row(task.Processing)
	b.exec(`ALTER TABLE music_clips RENAME COLUMN title TO heading`)
	b.ends(b.notifier, id, task.Processing, task.Complete)
	b.ends(b.notifier, deleted, task.Processing, task.Complete)
	b.exec(`ALTER TABLE music_clips RENAME COLUMN heading TO title`)
	b.exec(`DELETE FROM music_generations WHERE id = $1`, deleted)
	require.Equal(t, 2, b.count(`SELECT count(*) FROM tasksync.notifications WHERE payload IS NULL`))
	b.work(b.notifier)
	b.until("it is told", func() bool { return len(s[0].of(id)) == 1 })
	require.Equal(t, "complete", s[0].of(id)[0].Data.Status)
	b.until("it is noted", func() bool {
		return b.count(`SELECT count(*) FROM tasksync.notifications WHERE state = 'delivered' AND payload IS NOT NULL`) == 1
	})
	b.until("a row that is gone is dead", func() bool { state, _, _ := b.state(deleted); return state == dead })

	b.exec(`ALTER TABLE tasksync.notifications RENAME TO notifications_away`)
	b.ends(b.notifier, lost, task.Processing, task.Complete)
	b.exec(`ALTER TABLE tasksync.notifications_away RENAME TO notifications`)
	require.Equal(t, 3-1, b.count(`SELECT count(*) FROM music_generations WHERE status = 'complete'`))
	require.Equal(t, 1, b.metric(resultUnwritten))
	require.Contains(t, b.log.String(), "generation_id="+lost)
}

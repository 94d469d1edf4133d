package outgoing

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/syncer"
	"tasksync/task"
)

// A notification has the row as it was at the event, and commits with it or not at all.
func TestTheRowAsItWasAtTheEvent(t *testing.T) {
	t.Parallel()
	b, s := setup(t, 2)
	id := b.row(task.Processing)
	require.ErrorIs(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		require.NoError(t, b.notifier.Effect(t.Context(), tx, []syncer.Ending{{Generation: task.Generation{ID: id}, From: task.Processing, To: task.Complete}}))
		return pgx.ErrTxClosed
	}), pgx.ErrTxClosed)
	require.Zero(t, b.count(`SELECT count(*) FROM tasksync.notifications`))
	require.Zero(t, b.count(`SELECT count(*) FROM tasksync.river_job`))
	b.ends(b.notifier, id, task.Processing, task.Complete)
	b.exec(`DELETE FROM music_generations`)
	b.work(b.notifier)
	for _, one := range s {
		b.until("it is told", func() bool { return len(one.of(id)) == 1 })
		g := one.of(id)[0]
		require.Equal(t, Complete, g.Type)
		require.Equal(t, "complete", g.Data.Status)
		require.Equal(t, "Rivers & <Roads>", g.Data.Clips[0].Title)
		require.Contains(t, g.body, "Rivers & <Roads>")
		require.Regexp(t, `^msg_[0-9a-f-]{36}$`, g.id)
		require.Equal(t, s[0].of(id)[0].id, g.id, "one event is one message")
	}
	b.until("it is noted", func() bool { return b.metric(delivered) == 2 })
	require.Equal(t, 2, b.count(`SELECT count(*) FROM tasksync.notifications WHERE state = 'delivered' AND attempts = 1 AND result = 'HTTP 204'`))
	require.NotContains(t, b.log.String(), "Rivers")
}

func TestTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to task.Status
		want     Type
	}{
		{task.Processing, task.Complete, Complete},
		{task.Failed, task.Complete, Complete},
		{task.Streaming, task.Failed, Failed},
		{task.Failed, task.Submitted, Reopened},
		{task.Complete, task.Complete, Updated},
		{task.Failed, task.Failed, LateResult},
	} {
		require.Equal(t, c.want, typeOf(syncer.Ending{From: c.from, To: c.to}))
	}
}

// A receiver is told of one row in order, even if an earlier notification fails; others
// are not held up.
func TestOrderOfARow(t *testing.T) {
	t.Parallel()
	b, s := setup(t, 1)
	first, other := b.row(task.Processing), b.row(task.Processing)
	s[0].answers(func(g got, w http.ResponseWriter) {
		if g.Data.ID == first {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	b.work(b.notifier)
	b.ends(b.notifier, first, task.Processing, task.Failed)
	b.ends(b.notifier, first, task.Failed, task.Submitted)
	b.ends(b.notifier, first, task.Submitted, task.Complete)
	b.ends(b.notifier, other, task.Processing, task.Failed)
	b.ends(b.notifier, other, task.Failed, task.Submitted)
	b.until("the other row is told of", func() bool { return len(s[0].of(other)) == 2 })
	require.Equal(t, []Type{Failed, Reopened}, s[0].types(other))
	b.until("the attempt is noted", func() bool { _, result, _ := b.state(first); return result == "HTTP 500" })
	require.Equal(t, []Type{Failed}, s[0].types(first))
	s[0].answers(nil)
	b.due()
	b.until("the rest is told", func() bool { return len(s[0].of(first)) == 4 })
	require.Equal(t, []Type{Failed, Failed, Reopened, Complete}, s[0].types(first))
	attempts := s[0].of(first)
	require.Equal(t, attempts[0].id, attempts[1].id, "the message is the same at each attempt")
	require.Equal(t, attempts[0].body, attempts[1].body)
	require.Contains(t, b.log.String(), "A notification was not delivered")
	require.NotContains(t, b.log.String(), "/hooks")
}

// A receiver that does not answer, and has more to be told than it has workers, holds up
// no other.
func TestSlowReceiver(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	b, s := setup(t, 2)
	defer close(hang)
	s[0].answers(func(got, http.ResponseWriter) { <-hang })
	b.work(b.notifier)
	var ids []string
	for range 2 * receiverWorkers {
		id := b.row(task.Processing)
		b.ends(b.notifier, id, task.Processing, task.Complete)
		ids = append(ids, id)
	}
	for _, id := range ids {
		b.until("the other receiver is told", func() bool { return len(s[1].of(id)) == 1 })
	}
	require.Zero(t, b.count(`SELECT count(*) FROM tasksync.notifications WHERE receiver = $1 AND state = 'delivered'`, b.notifier.names[0]))
}

// 410 Gone ends a notification; the next of the row is sent.
func TestGone(t *testing.T) {
	t.Parallel()
	b, s := setup(t, 1)
	id := b.row(task.Processing)
	s[0].answers(func(g got, w http.ResponseWriter) {
		if g.Type == Failed {
			w.WriteHeader(http.StatusGone)
		}
	})
	b.ends(b.notifier, id, task.Processing, task.Failed)
	b.ends(b.notifier, id, task.Failed, task.Submitted)
	b.work(b.notifier)
	b.until("the next is told", func() bool { return len(s[0].of(id)) == 2 })
	state, result, _ := b.state(id)
	require.Equal(t, dead, state)
	require.Equal(t, "HTTP 410", result)
	require.Equal(t, 1, b.metric(dead))
	require.Contains(t, b.log.String(), "tasksync notify replay")
}

// A receiver that asks for a pause gets nothing until it is over; a redirect is not
// followed; both count as attempts.
func TestPauseAndRedirect(t *testing.T) {
	t.Parallel()
	b, s := setup(t, 2)
	id, later := b.row(task.Processing), b.row(task.Processing)
	s[0].answers(func(_ got, w http.ResponseWriter) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	s[1].answers(func(g got, w http.ResponseWriter) {
		if g.path == "/hooks" {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	})
	b.work(b.notifier)
	b.ends(b.notifier, id, task.Processing, task.Failed)
	b.until("both have answered", func() bool { return b.count(`SELECT count(*) FROM tasksync.notifications WHERE attempts = 1`) == 2 })
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.notifications WHERE result = 'HTTP 429' AND next_at > now() + interval '59 minutes'`))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.notifications WHERE result LIKE 'HTTP 307, a redirect%' AND next_at < now() + interval '6 seconds'`))
	b.ends(b.notifier, later, task.Processing, task.Failed)
	b.until("the job waits for the end of the pause", func() bool {
		return b.count(`SELECT count(*) FROM tasksync.river_job WHERE scheduled_at > now() + interval '50 minutes' AND queue = $1`, b.notifier.receivers[b.notifier.names[0]].queue) == 2
	})
	require.Len(t, s[0].got, 1)
	require.Empty(t, s[1].of("elsewhere"))
	for _, g := range s[1].of(id) {
		require.Equal(t, "/hooks", g.path)
	}
}

// A replay does not wait for the end of a pause, and its delivery ends the pause.
func TestReplayInAPause(t *testing.T) {
	t.Parallel()
	b, s := setup(t, 1)
	first, second, third := b.row(task.Processing), b.row(task.Processing), b.row(task.Processing)
	s[0].answers(func(_ got, w http.ResponseWriter) {
		w.Header().Set("Retry-After", "28800")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	b.work(b.notifier)
	b.ends(b.notifier, first, task.Processing, task.Failed)
	b.until("the pause has begun", func() bool { return b.count(`SELECT count(*) FROM tasksync.notifications WHERE attempts = 1`) == 1 })
	b.ends(b.notifier, second, task.Processing, task.Failed)
	b.until("the list says why the other one waits", func() bool {
		return b.count(`SELECT count(*) FROM tasksync.notifications WHERE attempts = 0 AND result LIKE '%Retry-After%' AND next_at > now() + interval '7 hours'`) == 1
	})
	s[0].answers(nil)
	replayed, _, err := b.notifier.Replay(t.Context(), ReplayRequest{Pending: true})
	require.NoError(t, err)
	require.Equal(t, 2, replayed)
	b.until("both are delivered", func() bool {
		return b.count(`SELECT count(*) FROM tasksync.notifications WHERE state = 'delivered'`) == 2
	})
	b.ends(b.notifier, third, task.Processing, task.Failed)
	b.until("a new one is delivered", func() bool { state, _, _ := b.state(third); return state == delivered })
}

// After the last attempt a notification is dead, and nothing that names the URL was kept.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	b, _ := setup(t, 0)
	n := b.open("http://127.0.0.1:9/hooks?token=hunter2", "http://no-such-host.invalid/hunter2")
	id := b.row(task.Processing)
	b.ends(n, id, task.Processing, task.Failed)
	b.exec(`UPDATE tasksync.notifications SET attempts = $1`, len(spaces()))
	b.work(n)
	b.until("they are dead", func() bool { return b.count(`SELECT count(*) FROM tasksync.notifications WHERE state = 'dead'`) == 2 })
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.notifications WHERE result LIKE '%connection refused%' AND attempts = $1`, len(spaces())+1))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.notifications WHERE result LIKE '%does not resolve%' OR result LIKE 'no answer%'`))
	require.Zero(t, b.count(`SELECT count(*) FROM tasksync.notifications AS n WHERE n::text LIKE '%hunter2%'`))
	require.NotContains(t, b.log.String(), "hunter2")
}

// A receiver that breaks every connection is told of in the log now and then, and without
// its address.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	b, s := setup(t, 1)
	s[0].answers(func(_ got, w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).SetLinger(0)) // a reset
		require.NoError(t, conn.Close())
	})
	const rows = 20
	for range rows {
		b.ends(b.notifier, b.row(task.Processing), task.Processing, task.Failed)
	}
	b.work(b.notifier)
	b.until("all are tried", func() bool { return b.metric(resultFailed) == rows })
	b.until("it is noted", func() bool { return b.count(`SELECT count(*) FROM tasksync.notifications WHERE attempts > 0`) == rows })
	require.Zero(t, b.count(`SELECT count(*) FROM tasksync.notifications WHERE result LIKE '%127.0.0.1%'`))
	require.Equal(t, 1, strings.Count(b.log.String(), "A notification was not delivered"))
}

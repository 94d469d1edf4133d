package feed

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/internal/database"
	"tasksync/internal/postgres/postgrestest"
)

func (r *running) polls() bool {
	return testutil.ToFloat64(r.metrics.states.WithLabelValues(statePolling)) == 1
}

// One of several daemons polls; another takes over when it stops or dies.
func TestPoll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := &handed{}
	cfg := b.config(to)
	cfg.Mode = Poll
	first := b.run(cfg)
	b.until("it polls", first.polls)
	second := b.run(b.pollConfig(to))
	b.awaitUp(second)
	require.False(t, second.polls())
	var ids []string
	for range 200 {
		ids = append(ids, b.insert())
	}
	b.until("all are found", func() bool { return to.has(ids...) })
	for id, n := range to.times() {
		require.Equal(t, 1, n, "%s was handed on more than once", id)
	}
	require.Zero(t, b.sessions(), "no session of its own")
	require.Contains(t, b.log.String(), "tasksync feed trigger off")

	first.stop()
	b.until("the other one polls", second.polls)
	b.exec(`UPDATE tasksync.feed_lease SET holder = 'somebody else', expires_at = clock_timestamp() + interval '2 seconds'`)
	b.until("it gives way", func() bool { return !second.polls() })
	b.until("a lease expires", second.polls)
	id := b.insert()
	b.until("it is found", func() bool { return to.has(id) })
}

func (b *bundle) pollConfig(to Jobs) Config {
	cfg := b.config(to)
	cfg.Mode = Poll
	return cfg
}

// A session that is the feed goes before the pollers.
func TestPollGivesWayToASession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := &handed{}
	poller := b.run(b.pollConfig(to))
	b.until("it polls", poller.polls)
	session := b.run(b.config(to))
	b.leader(session)
	b.until("it gives way", func() bool { return !poller.polls() })
	id := b.insert()
	b.until("it is heard", func() bool { return to.has(id) })
	session.stop()
	b.until("it polls again", poller.polls)
}

// Mode auto polls while it cannot open a session, and comes back by itself.
func TestAutoPollsWhileTheSessionIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := postgrestest.NewProxy(t, "127.0.0.1:0", b.database)
	to := &handed{}
	cfg := b.config(to)
	cfg.Session = b.session(p.URL())
	r := b.run(cfg)
	b.leader(r)
	addr := p.URL()
	p.Close()
	b.until("it polls", r.polls)
	id := b.insert()
	b.until("it is found", func() bool { return to.has(id) })
	require.Contains(t, b.log.String(), "polling until it is back")
	u, err := url.Parse(addr)
	require.NoError(t, err)
	postgrestest.NewProxy(t, u.Host, b.database)
	b.leader(r)
	id = b.insert()
	b.until("it is heard", func() bool { return to.has(id) })
}

// A session of another database hears nothing of this one. The feed finds that out
// before it relies on the session.
func TestAutoFindsOutThatItIsDeaf(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := &handed{}
	cfg := b.config(to)
	cfg.Session = b.session(postgrestest.URL(t))
	r := b.run(cfg)
	b.until("it polls", r.polls)
	require.Contains(t, b.log.String(), "TASKSYNC_LISTEN_URL")
	id := b.insert()
	b.until("it is found", func() bool { return to.has(id) })

	cfg = b.config(to)
	cfg.Mode, cfg.Session = Notify, b.session(postgrestest.URL(t))
	deaf := b.run(cfg)
	require.Contains(t, b.await(deaf), database.ErrNoListen.Error())
	require.ErrorIs(t, database.CheckListen(t.Context(), b.session(b.database), cfg.Session), database.ErrNoListen)
	require.NoError(t, database.CheckListen(t.Context(), b.session(b.database), b.session(b.database)))
}

// A view that the application has made in the place of the table has no triggers. The feed
// says so once, and goes on to poll.
func TestAutoPollsWithoutTriggers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`DROP TRIGGER tasksync_notify_insert ON music_generations; DROP TRIGGER tasksync_notify_update ON music_generations`)
	to := &handed{}
	cfg := b.config(to)
	cfg.RetryAfter = 50 * time.Millisecond
	r := b.run(cfg)
	b.until("it has tried again", func() bool { return strings.Count(b.log.String(), "Still polling") > 2 })
	require.True(t, r.polls())
	require.Equal(t, 1, strings.Count(b.log.String(), "WARN"), b.log.String())
	id := b.insert()
	b.until("it is found", func() bool { return to.has(id) })
}

// Nothing is announced while the triggers are off.
func TestAutoPollsWhileTheTriggersAreOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, SetTriggers(t.Context(), b.pool, false))
	triggers, err := TriggersGet(t.Context(), b.pool)
	require.NoError(t, err)
	require.False(t, triggers.Announce())
	to := &handed{}
	cfg := b.config(to)
	cfg.RetryAfter = 100 * time.Millisecond
	r := b.run(cfg)
	b.until("it polls", r.polls)
	require.Contains(t, b.log.String(), "tasksync feed trigger on")
	require.NoError(t, SetTriggers(t.Context(), b.pool, true))
	b.leader(r)
	b.exec(`DROP TRIGGER tasksync_notify_insert ON music_generations`)
	require.ErrorIs(t, SetTriggers(t.Context(), b.pool, true), ErrNoTriggers)
}

// A poller that could not ask for the lease does not take itself for one that has to
// wait for it.
func TestPollIsDownWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := postgrestest.NewProxy(t, "127.0.0.1:0", b.database)
	pool, err := pgxpool.New(t.Context(), p.URL())
	require.NoError(t, err)
	defer pool.Close()
	cfg := b.pollConfig(&handed{})
	cfg.Pool = pool
	var states []string
	cfg.State = func(reason string) { states = append(states, reason) }
	f, err := New(cfg)
	require.NoError(t, err)
	poller := &poller{base: f.base, holder: f.holder}
	require.NoError(t, poller.step(t.Context()))
	require.Equal(t, []string{""}, states)
	p.Close()
	poller.asked = time.Time{} // a third of the term is over
	for range 3 {
		require.Error(t, poller.step(t.Context()))
	}
	require.Equal(t, []string{""}, states)
	require.Zero(t, testutil.ToFloat64(f.metrics.states.WithLabelValues(stateFollowing)))
}

package feed

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

func (b *bundle) slots() int {
	return b.count(`SELECT count(*) FROM pg_replication_slots WHERE database = current_database()`)
}

// readsWAL reports whether rows come from the WAL.
func (r *running) readsWAL() bool {
	return testutil.ToFloat64(r.metrics.modes.WithLabelValues(WAL)) == 1 && testutil.ToFloat64(r.metrics.states.WithLabelValues(stateReading)) == 1
}

func (b *bundle) walConfig(to Jobs) Config {
	cfg := b.config(to)
	cfg.Mode, cfg.RetryAfter = WAL, 200*time.Millisecond
	return cfg
}

// While the WAL is read the triggers are quiet. When its reader is ended the feed
// scans the table, and nothing is lost.
func TestWAL(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := &handed{find: b.findAll}
	r := b.run(b.walConfig(to))
	b.awaitUp(r)
	b.until("it reads", func() bool { return r.readsWAL() && b.quiet() })
	heard, read := int(testutil.ToFloat64(r.metrics.notifications)), int(testutil.ToFloat64(r.metrics.read))
	var ids []string
	for range 100 {
		ids = append(ids, b.insert())
	}
	b.until("they are handed on", func() bool { return to.has(ids...) })
	require.InDelta(t, heard, testutil.ToFloat64(r.metrics.notifications), 10, "no trigger notifies; a few may have been under way")
	require.InDelta(t, read, testutil.ToFloat64(r.metrics.read), 10, "no scan follows the one that was under way")
	times := to.times()
	for _, id := range ids {
		require.Equal(t, 1, times[id])
	}
	for n := range 3 {
		b.exec(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database() AND active_pid IS NOT NULL`)
		missed := b.insert()
		b.until("nothing is lost", func() bool { return to.has(missed) })
		b.until("it notices", func() bool { return strings.Count(b.log.String(), "The WAL is not read") > n })
		b.until("it reads again", r.readsWAL)
	}
	r.stop()
	require.Equal(t, 1, b.slots())
	b.until("the triggers are awake", func() bool { return !b.quiet() })
}

// hungReader reads from the slot like a stopped process to which the server has
// sent more than it takes: the server waits for it in the midst of a message.
func (b *bundle) hungReader(name string) (pid int) {
	b.Helper()
	r := b.run(b.walConfig(&handed{find: b.findAll}))
	b.until("there is a slot", r.readsWAL)
	r.stop()
	cfg := b.session(b.database)
	cfg.RuntimeParams["replication"], cfg.RuntimeParams["application_name"], cfg.RuntimeParams["wal_sender_timeout"] = "database", name, "0"
	conn, err := pgconn.ConnectConfig(b.Context(), &cfg.Config)
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	var slot string
	require.NoError(b, b.pool.QueryRow(b.Context(), `SELECT slot_name FROM pg_replication_slots WHERE database = current_database()`).Scan(&slot))
	require.NoError(b, pglogrepl.StartReplication(b.Context(), conn, slot, 0, pglogrepl.StartReplicationOptions{
		PluginArgs: []string{"proto_version '1'", "publication_names 'tasksync'", "messages 'true'"},
	}))
	b.exec(`SELECT pg_logical_emit_message(true, 'tasksync', repeat('x', 1 << 20)) FROM generate_series(1, 30)`)
	pid = int(conn.PID())
	b.until("the server waits", func() bool {
		return b.count(`SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'WalSenderWriteData'`, pid) == 1
	})
	return pid
}

func (b *bundle) reader() int {
	return b.count(`SELECT coalesce(max(active_pid), 0) FROM pg_replication_slots WHERE database = current_database()`)
}

// A new leader does not wait until the server gives up the reader of the last
// leader.
func TestTheNextFeedEndsAHungReader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	hung := b.hungReader("tasksync wal")
	missed := b.insert()
	to := &handed{find: b.findAll}
	r := b.run(b.walConfig(to))
	b.until("it reads", func() bool { return r.readsWAL() && to.has(missed) })
	require.NotEqual(t, hung, b.reader())
	require.Positive(t, testutil.ToFloat64(r.metrics.terminated))
	id := b.insert()
	b.until("it hands on", func() bool { return to.has(id) })
}

// Only the session that is the feed may end a reader, and only a reader of ours.
func TestOnlyTheFeedEndsAReader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := &handed{find: b.findAll}
	leader := b.run(b.walConfig(to))
	b.until("it reads", leader.readsWAL)
	reads := b.reader()
	past, err := New(b.walConfig(to))
	require.NoError(t, err)
	s, err := openSession(t.Context(), past.cfg)
	require.NoError(t, err)
	defer s.close()
	past.wal.leader.Store(s.pid()) // as a leader that does not know yet that it has lost its place
	require.NoError(t, past.wal.evict(t.Context(), reads))
	require.Zero(t, testutil.ToFloat64(past.metrics.terminated))
	leader.stop()

	theirs := b.hungReader("somebody else's")
	leads, err := (election{past.base, s}).tryLead(t.Context())
	require.NoError(t, err)
	require.True(t, leads)
	require.NoError(t, past.wal.evict(t.Context(), theirs))
	require.Zero(t, testutil.ToFloat64(past.metrics.terminated))
	require.Equal(t, theirs, b.reader())
	b.exec(`SELECT pg_terminate_backend($1)`, theirs)
}

// A daemon that cannot read the WAL says what to do, and scans the table.
func TestWALUnavailable(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	_, err := server.CreateDatabase(t.Context(), "app")
	require.NoError(t, err)
	b := setupOn(t, migrated(t, server.DatabaseURL("app")))
	b.exec(`ALTER SYSTEM SET wal_level = 'replica'`)
	b.exec(`ALTER SYSTEM SET max_replication_slots = 0`)
	require.NoError(t, server.Restart(t.Context()))
	b.pool.Reset()
	to := &handed{}
	r := b.run(b.walConfig(to))
	b.awaitUp(r)
	b.until("it says so", func() bool { return strings.Contains(b.log.String(), "wal_level") })
	id := b.insert()
	b.until("it is found", func() bool { return to.has(id) })
	require.False(t, r.readsWAL())
}

// Any daemon drops a slot that is not read any more.
func TestGuardDropsTheSlotOfTheDead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dead := b.run(b.walConfig(&handed{find: b.findAll}))
	b.until("it reads", dead.readsWAL)
	dead.stop()
	require.Equal(t, 1, b.slots())
	cfg := b.pollConfig(&handed{})
	cfg.GuardEvery, cfg.SlotLimit = 50*time.Millisecond, 1<<20
	other := b.run(cfg)
	b.awaitUp(other)
	b.exec(`CREATE TABLE ballast AS SELECT repeat('x', 100) AS x FROM generate_series(1, 40000)`)
	b.until("the slot is dropped", func() bool { return b.slots() == 0 })
	b.until("the drop is counted", func() bool { return gathered(t, cfg.Registerer, "tasksync_wal_slots_dropped_total") == 1 })
}

// insertOld makes a pending row that began that long ago.
func (b *bundle) insertOld(age time.Duration) (id string) {
	b.Helper()
	err := b.pool.QueryRow(b.Context(), `
		INSERT INTO music_generations (user_id, task_id, task_type, created_at)
		VALUES (gen_random_uuid(), 't', 'generate', now() - $1::interval) RETURNING id::text`, age).Scan(&id)
	require.NoError(b, err)
	return id
}

// Rows that the WAL has brought while it was read are not found a second time when
// it is read no longer. Only the last of them overlap with the scan.
func TestScansGoOnWhereTheReaderEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := &handed{}
	f, err := New(b.walConfig(to))
	require.NoError(t, err)
	table, err := newTableReader(t.Context(), f.base, narrowOverlap)
	require.NoError(t, err)
	table.after = table.after.Add(-time.Hour) // when the leader began
	for range 50 {
		b.insertOld(30 * time.Minute)
	}
	table.skip()
	unread := b.insert() // in the WAL, but not handed on any more
	found, err := table.scan(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, found)
	require.Equal(t, []string{unread}, f.collector.take())

	slow := b.insertOld(wideOverlap / 2) // its transaction took a while
	table.nextWide = time.Time{}
	found, err = table.scan(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, found)
	require.Equal(t, []string{slow}, f.collector.take())
}

// A reader that is ready before the scans begin is not taken for one that fails.
func TestTheReaderMayBeReadyFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.walConfig(&handed{})
	states := make(chan string, 10)
	cfg.State = func(reason string) { states <- reason }
	f, err := New(cfg)
	require.NoError(t, err)
	require.NoError(t, f.wal.ready(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.wal.standIn(ctx) }()
	require.Empty(t, <-states)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.True(t, (&running{Feed: f}).readsWAL())
}

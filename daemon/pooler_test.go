//go:build pgbouncer

package daemon

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/feed"
	"tasksync/internal/postgres/postgrestest"
)

// These tests need PgBouncer (`make pooler`). The whole daemon must work through it:
// migrations, River, the feed.

// workOff inserts rows, and waits until all are done.
func (b *bundle) workOff(r *running) {
	b.Helper()
	var ids []string
	for range 200 {
		ids = append(ids, b.submit())
	}
	b.until("all are done", func() bool { return b.done(ids...) })
	require.True(b, r.ready())
	require.Equal(b, len(ids), b.count(`SELECT count(*) FROM tasksync.generation_events WHERE to_status = 'complete' AND generation_id = ANY ($1::uuid[])`, ids))
}

func TestPoolerInTransactionMode(t *testing.T) {
	t.Parallel()
	b := setupOn(t, postgrestest.Empty(t))
	cfg := b.config()
	cfg.DatabaseURL = postgrestest.PgBouncer(t, b.database, "transaction")
	r := b.run(cfg)
	b.workOff(r)
	_, metrics := r.get("/metrics")
	require.Contains(t, metrics, `tasksync_feed_mode{mode="poll"} 1`)
	require.Contains(t, metrics, "tasksync_feed_up 1")
	for _, want := range []string{
		"DATABASE_URL leads to a pooler in transaction mode; River polls for jobs", "LISTEN does not work",
		"TASKSYNC_LISTEN_URL", "tasksync feed trigger off",
	} {
		require.Contains(t, b.log.String(), want)
	}
	text := b.examine(cfg)
	require.NotContains(t, text, "FAIL")
	require.Contains(t, text, "warn feed: auto chooses poll")
	require.Contains(t, text, "ok   feed: a daemon polls")
	require.Zero(t, b.count(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid IN (SELECT pid FROM pg_stat_activity WHERE state = 'idle')`),
		"no session lock stays with the pooler")
	require.Less(t, b.stop(r), 10*time.Second)
	pool, err := pgxpool.New(t.Context(), cfg.DatabaseURL)
	require.NoError(t, err)
	defer pool.Close()
	for range 20 { // whichever of the pooler's sessions
		var set int
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_settings WHERE source = 'session' AND name ~ '^tcp_|^client_conn|^idle_in'`).Scan(&set))
		require.Zero(t, set, "settings that others would get with the session")
	}
}

// TestPoolerWithPreparedStatements: the application prepares its statements through
// the pooler. The daemon prepares none, although its address says so.
func TestPoolerWithPreparedStatements(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{feed.Poll, feed.Notify} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			cfg := b.config()
			cfg.Feed = mode
			if mode == feed.Notify {
				cfg.ListenURL = b.database
			}
			pooler := postgrestest.PgBouncer(t, b.database, "transaction")
			cfg.DatabaseURL = pooler + "&default_query_exec_mode=cache_statement"
			prepares := postgrestest.PgBouncerPrepares(t)
			app, err := pgxpool.ParseConfig(pooler)
			require.NoError(t, err)
			if !prepares {
				app.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
			}
			b.pool, err = pgxpool.NewWithConfig(t.Context(), app)
			require.NoError(t, err)
			t.Cleanup(b.pool.Close)
			r := b.run(cfg)
			b.workOff(r)
			require.Contains(t, b.log.String(), "statements are not prepared on the server")
			_, metrics := r.get("/metrics")
			require.Contains(t, metrics, `tasksync_feed_mode{mode="`+mode+`"} 1`)
			require.Equal(t, prepares, b.count(`SELECT count(*) FROM pg_prepared_statements`) > 0)
		})
	}
}

// TestTwoDaemonsBehindAPooler: two daemons migrate an empty database at once, and one
// of them polls.
func TestTwoDaemonsBehindAPooler(t *testing.T) {
	t.Parallel()
	b := setupOn(t, postgrestest.Empty(t))
	started := make(chan net.Addr, 2)
	cfg := b.config()
	cfg.DatabaseURL = postgrestest.PgBouncer(t, b.database, "transaction")
	cfg.Started = func(addr net.Addr) { started <- addr }
	daemons := []*running{b.launch(cfg), b.launch(cfg)}
	for i := range daemons {
		select {
		case addr := <-started:
			daemons[i].addr = addr.String()
		case <-time.After(60 * time.Second):
			require.Fail(t, "a daemon does not start", b.log)
		}
	}
	b.workOff(daemons[0])
	b.until("one of them polls", func() bool { return strings.Contains(b.log.String(), "Polling for new rows") })
}

func TestDirectConnectionBesideAPooler(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{feed.Auto, feed.Notify, feed.WAL} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			cfg := b.config()
			cfg.Feed, cfg.ListenURL = mode, b.database
			cfg.DatabaseURL = postgrestest.PgBouncer(t, b.database, "transaction")
			r := b.run(cfg)
			want := `tasksync_feed_mode{mode="notify"} 1`
			if mode == feed.WAL {
				want = `tasksync_feed_mode{mode="wal"} 1`
			}
			b.until("it hears", func() bool {
				_, metrics := r.get("/metrics")
				return strings.Contains(metrics, want)
			})
			b.workOff(r)
			require.NotContains(t, b.examine(cfg), "FAIL")
		})
	}
}

func TestPoolerInSessionMode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.DatabaseURL = postgrestest.PgBouncer(t, b.database, "session")
	r := b.run(cfg)
	b.workOff(r)
	_, metrics := r.get("/metrics")
	require.Contains(t, metrics, `tasksync_feed_mode{mode="notify"} 1`)
	require.NotContains(t, b.log.String(), "pooler in transaction mode")
}

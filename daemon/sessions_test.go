package daemon

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// TestClosedSessionsEnd: what stands between the daemon and the server keeps its side of
// the connections that the daemon has closed.
func TestClosedSessionsEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := postgrestest.NewProxy(t, "127.0.0.1:0", b.database)
	cfg := b.config()
	cfg.DatabaseURL = p.URL()
	r := b.run(cfg)
	for range 4 {
		missed := b.submit()
		b.within(time.Minute, "the row is found", func() bool { return b.done(missed) })
		p.FallSilent(false)
	}
	missed := b.submit()
	b.within(time.Minute, "the row is found", func() bool { return b.done(missed) })
	b.within(time.Minute, "all is well again", r.ready)
	b.within(time.Minute, "old sessions are ended", func() bool {
		return b.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tasksync%'`) <= 10
	})
}

// TestSessionsOfADeadDaemonEnd: it is gone, and what stands between it and the server has
// kept its side of the connections.
func TestSessionsOfADeadDaemonEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pool, err := OpenPool(t.Context(), b.database)
	require.NoError(t, err)
	defer pool.Close()
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	pid := conn.Conn().PgConn().PID()
	_, err = conn.Exec(t.Context(), `INSERT INTO tasksync.feed_lease (name, holder, expires_at)
		SELECT 'jobs gone', '1@2 ' || pid || '@' || (extract(epoch FROM backend_start) * 1000000)::bigint, now() - interval '5 seconds'
		FROM pg_stat_activity WHERE pid = pg_backend_pid()`)
	require.NoError(t, err)
	r := b.run(b.config())
	b.within(time.Minute, "it is ended", func() bool { return b.count(`SELECT count(*) FROM pg_stat_activity WHERE pid = $1`, pid) == 0 })
	require.True(t, r.ready())
	require.Positive(t, b.count(`SELECT count(*) FROM tasksync.feed_lease AS l JOIN pg_stat_activity AS a ON l.holder LIKE '%' || a.pid || '@%'
		WHERE l.expires_at > now() AND a.application_name = 'tasksync feed'`), "the daemon names its own")
}

// TestServerNoticesThatASessionIsGone: the server is at work on a statement, and does
// not read from the connection.
func TestServerNoticesThatASessionIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pool, err := OpenPool(t.Context(), b.database)
	require.NoError(t, err)
	defer pool.Close()
	for name, want := range map[string]string{
		"client_connection_check_interval": "2s", "idle_in_transaction_session_timeout": "10s",
		"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3", "tcp_user_timeout": "10000",
	} {
		var value string
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&value))
		require.Equal(t, want, value, name)
	}
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	pid := conn.Conn().PgConn().PID()
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), `SELECT pg_sleep(600)`)
		ended <- err
	}()
	running := func() int {
		return b.count(`SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%pg_sleep%'`, pid)
	}
	b.until("it sleeps", func() bool { return running() == 1 })
	require.NoError(t, conn.Conn().PgConn().Conn().Close())
	require.Error(t, <-ended)
	b.within(time.Minute, "it is ended", func() bool { return running() == 0 })
}

// TestSettingsOfOthersAreKept: what somebody has chosen for the address counts.
func TestSettingsOfOthersAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pool, err := OpenPool(t.Context(), b.database+"&idle_in_transaction_session_timeout=77s")
	require.NoError(t, err)
	defer pool.Close()
	var value string
	require.NoError(t, pool.QueryRow(t.Context(), `SHOW idle_in_transaction_session_timeout`).Scan(&value))
	require.Equal(t, "77s", value)
}

package migrations_test

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
	"tasksync/internal/postgres/postgrestest"
)

// A schema that stands in the way of everything that the triggers call.
const hostileFunctions = `CREATE SCHEMA hostile;
	CREATE FUNCTION hostile.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'hostile'; END $$;
	CREATE FUNCTION hostile.pg_notification_queue_usage() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE 'hostile'; END $$;
	CREATE FUNCTION hostile.pg_try_advisory_xact_lock_shared(bigint) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'hostile'; END $$;
	CREATE FUNCTION hostile.less(float8, numeric) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'hostile'; END $$;
	CREATE OPERATOR hostile.< (LEFTARG = float8, RIGHTARG = numeric, FUNCTION = hostile.less)`

func TestSearchPathOfTheMigratorDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, path := range []string{``, `hostile`, `hostile, pg_catalog`} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := openWith(t, postgrestest.Empty(t), map[string]string{"search_path": path})
			b.exec(t, hostileFunctions)
			b.up(t)
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), dump(t, b.url))
		})
	}
}

func TestSearchPathOfTheWriterDoesNotMatter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, hostileFunctions)
	b.exec(t, `CREATE DOMAIN hostile.text AS pg_catalog.text CHECK (false)`)
	l := listen(t, b.url)
	for _, path := range []string{``, `hostile`, `hostile, pg_catalog`, `nowhere`} {
		writer := openWith(t, b.url, map[string]string{"search_path": path})
		id := value[string](t, writer.pool, `INSERT INTO public.music_generations (task_id, task_type) VALUES ('t', 'extend')
			RETURNING id::pg_catalog.text`)
		require.Equal(t, []string{id}, l.heard(t), path)
	}
}

// An administrator may have revoked from PUBLIC the functions that the trigger's
// function calls. It is enough if its owner may call them; if not, rows are
// inserted silently.
func TestInsertWorksWithoutTheRightToNotify(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	b, admin := openAsOwner(t, server)
	b.up(t)
	l := listen(t, b.url)
	for _, sql := range []string{
		`CREATE ROLE inserter; GRANT INSERT, SELECT ON public.music_generations TO inserter`,
		`REVOKE EXECUTE ON FUNCTION pg_catalog.pg_notify FROM PUBLIC; GRANT EXECUTE ON FUNCTION pg_catalog.pg_notify TO owner`,
	} {
		_, err := admin.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	inserter := openWith(t, b.url, map[string]string{"role": "inserter"})
	requireDenied(t, inserter.pool, `SELECT pg_notify('tasksync', 'mine')`)
	id := value[string](t, inserter.pool, insertPending)
	require.Equal(t, []string{id}, l.heard(t))

	for _, sql := range []string{
		`REVOKE EXECUTE ON FUNCTION pg_catalog.pg_notify FROM owner`,
		`REVOKE EXECUTE ON FUNCTION pg_catalog.pg_notification_queue_usage FROM PUBLIC`,
		`REVOKE ALL ON SCHEMA tasksync FROM owner`,
	} {
		_, err := admin.Exec(t.Context(), sql)
		require.NoError(t, err)
		value[string](t, inserter.pool, insertPending)
		require.Empty(t, l.heard(t), sql)
	}
}

// A full queue would fail the commit, so the trigger falls silent before the
// queue is full.
func TestInsertWorksWhenTheNotificationQueueIsNearlyFull(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	b, admin := openAsOwner(t, server)
	b.up(t)
	if value[int](t, admin, `SELECT current_setting('server_version_num')::int`) < 170_000 {
		// Before Postgres 17 the queue holds 8 GB; there the test is that the trigger asks.
		require.Contains(t, value[string](t, b.pool, `SELECT pg_get_functiondef('tasksync.notify_generation'::regproc)`), "pg_notification_queue_usage() < 0.9")
		return
	}
	_, err := admin.Exec(t.Context(), `ALTER SYSTEM SET max_notify_queue_pages = 64`)
	require.NoError(t, err)
	b.pool.Reset()
	require.NoError(t, server.Restart(t.Context()))

	l := listen(t, b.url)
	reading, err := l.conn.Begin(t.Context()) // until it ends, the queue keeps what comes
	require.NoError(t, err)
	for value[float64](t, b.pool, `SELECT pg_notification_queue_usage()`) < 0.9 {
		b.exec(t, `NOTIFY elsewhere, '`+strings.Repeat("x", 7_900)+`'`)
	}
	b.exec(t, `INSERT INTO public.music_generations (task_id, task_type) SELECT n::text, 'extend' FROM generate_series(1, 5000) AS n`)
	require.NoError(t, reading.Commit(t.Context()))
	require.Empty(t, l.heard(t))

	id := value[string](t, b.pool, insertPending)
	require.Equal(t, []string{id}, l.heard(t))
}

// openAsOwner returns a new database that belongs to role owner, which is no
// superuser, and a superuser's connection to it.
func openAsOwner(t *testing.T, server *postgres.Server) (*bundle, *pgx.Conn) {
	t.Helper()
	admin := connect(t, server.URL())
	_, err := admin.Exec(t.Context(), `CREATE ROLE owner LOGIN PASSWORD 'owner'`)
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), `CREATE DATABASE application OWNER owner`)
	require.NoError(t, err)
	url := server.DatabaseURL("application")
	return openWith(t, url, map[string]string{"role": "owner"}), connect(t, url)
}

// openWith is open with settings for each session.
func openWith(t *testing.T, url string, settings map[string]string) *bundle {
	t.Helper()
	conf, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	maps.Copy(conf.ConnConfig.RuntimeParams, settings)
	return openConfig(t, conf)
}

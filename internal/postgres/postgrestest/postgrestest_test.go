package postgrestest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestPoolsAreSeparateAndMigrated(t *testing.T) {
	t.Parallel()
	for range 3 {
		pool := postgrestest.Pool(t)
		_, err := pool.Exec(t.Context(), `create table mine (n int)`)
		require.NoError(t, err)
		var n int
		require.NoError(t, pool.QueryRow(t.Context(), `select count(*) from public.music_generations`).Scan(&n))
		require.Zero(t, n)
	}
}

func TestURLIsOfAnOrdinaryRole(t *testing.T) {
	t.Parallel()
	conn := connect(t, postgrestest.URL(t))
	var superuser, owner bool
	require.NoError(t, conn.QueryRow(t.Context(), `select rolsuper, pg_roles.oid = datdba from pg_roles, pg_database
		where rolname = current_user and datname = current_database()`).Scan(&superuser, &owner))
	require.False(t, superuser)
	require.True(t, owner)
}

func TestEmptyIsEmpty(t *testing.T) {
	t.Parallel()
	conn := connect(t, postgrestest.Empty(t))
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), `select count(*) from pg_class
		where relnamespace = 'public'::regnamespace`).Scan(&n))
	require.Zero(t, n)
}

func TestSlotsDoNotKeepTheDatabase(t *testing.T) {
	t.Parallel()
	conn := connect(t, postgrestest.URL(t))
	_, err := conn.Exec(t.Context(), `select pg_create_logical_replication_slot('left_behind', 'pgoutput')`)
	require.NoError(t, err)
}

func TestServerIsTheTestsOwn(t *testing.T) {
	t.Parallel()
	s := postgrestest.Server(t)
	require.NotContains(t, postgrestest.URL(t), s.Addr())
	require.NoError(t, s.Restart(t.Context()))
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

package postgrestest

import (
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
)

// LaterEpoch returns the address of a migrated database on a private server that is past
// its first 2^32 transactions, as busy servers are after some months. The address is that
// of a superuser.
func LaterEpoch(t testing.TB) string {
	t.Helper()
	server := Server(t)
	conn, err := pgx.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	var data string
	require.NoError(t, conn.QueryRow(t.Context(), `SHOW data_directory`).Scan(&data))
	_, err = conn.Exec(t.Context(), `CHECKPOINT`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	require.NoError(t, server.Halt())
	cmd, err := postgres.Command(t.Context(), filepath.Join(server.BinDir(), "pg_resetwal"), "-f", "-e", "1", data)
	require.NoError(t, err)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, server.Resume(t.Context()))
	url, err := server.CreateDatabase(t.Context(), "later")
	require.NoError(t, err)
	require.NoError(t, migrate(t.Context(), url))
	return url
}

// OpenPool returns a pool on a database. It is closed when the test has ended; by then the
// test must have released its connections.
func OpenPool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

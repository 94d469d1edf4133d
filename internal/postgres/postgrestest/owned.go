package postgrestest

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
)

// Owned makes an empty database "app" on a server of the test's own, and returns its address for
// role "app", which owns it and may replicate, but is no superuser.
func Owned(t testing.TB, s *postgres.Server) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, statement := range []string{
		`CREATE ROLE app LOGIN REPLICATION PASSWORD 'word-of-app'`, `CREATE DATABASE app OWNER app`,
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	return "postgres://app:word-of-app@" + s.Addr() + "/app?sslmode=disable"
}

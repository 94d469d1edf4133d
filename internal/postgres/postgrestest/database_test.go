package postgrestest

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestAdminConfigKeepsTheAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://ad%20min:p%40ss%2Fw%3Ard%3F%20%2B@127.0.0.1:6543/postgres?sslmode=disable",
		"postgres://me@[::1]/tests?sslmode=disable&application_name=x",
		"postgres://me:secret@/tests?host=/run/postgresql",
	} {
		want, err := pgx.ParseConfig(address)
		require.NoError(t, err)
		got, err := pgx.ParseConfig(adminConfig(t, address).URL())
		require.NoError(t, err)
		require.Equal(t, want.Host, got.Host)
		require.Equal(t, want.Port, got.Port)
		require.Equal(t, want.User, got.User)
		require.Equal(t, want.Password, got.Password)
		require.Equal(t, want.Database, got.Database)
		require.Equal(t, want.RuntimeParams, got.RuntimeParams)
	}
}

package database

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const goodURL = "postgres://user:pass@localhost:5432/app"

func TestRedactURL(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://u:hunter2@h/db", "postgresql://u:hunter2@h/db?sslmode=disable", "host=h user=u password=hunter2 dbname=db",
		"host=h password = 'hunter2' user=u", "postgres://h/db?user=u&password=hunter2", "postgres://u:hunter2@h:port/db",
	} {
		for _, text := range []string{"cannot use " + dsn, "refused: hunter2", dsn} {
			require.NotContains(t, RedactURL(errors.New(text), dsn), "hunter2", dsn)
		}
		require.Equal(t, "refused", RedactURL(errors.New("refused"), dsn))
	}
	dsn := "postgres://u:p%40ss%20w%2Ford@h/db"
	for _, text := range []string{"p@ss w/ord", "p%40ss%20w%2Ford", "p%40ss+w%2Ford"} {
		require.Equal(t, "with xxxxx", RedactURL(errors.New("with "+text), dsn))
	}
}

func TestPermanentHint(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"28P01": true, "28000": true, "3D000": true, "42501": true, "57P03": false, "53300": false, "08006": false,
	} {
		err := fmt.Errorf("connect: %w", &pgconn.PgError{Code: code})
		require.Equal(t, want, permanentHint(err) != "", code)
		require.ErrorContains(t, unreachable(err, goodURL), "connect to the database: ")
	}
	require.Empty(t, permanentHint(errors.New("no route to host")))
}

// TestPoolIsSmall: with the four connections outside of it, a daemon has ten.
func TestPoolIsSmall(t *testing.T) {
	t.Parallel()
	pool, err := newPool(t.Context(), goodURL+"?pool_max_conns=50")
	require.NoError(t, err)
	defer pool.Close()
	require.LessOrEqual(t, pool.Config().MaxConns, int32(6))
	require.Positive(t, pool.Config().PingTimeout)
	require.Equal(t, "tasksync", pool.Config().ConnConfig.RuntimeParams["application_name"])
}

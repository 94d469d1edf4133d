package migrations_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/migrations"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// bundle is one database and what the tests do with it.
type bundle struct {
	url      string
	pool     *pgxpool.Pool
	migrator *migrations.Migrator
}

// setup returns a database with all migrations.
func setup(t *testing.T) *bundle {
	t.Helper()
	return open(t, postgrestest.URL(t))
}

// setupEmpty returns a database without migrations.
func setupEmpty(t *testing.T) *bundle {
	t.Helper()
	return open(t, postgrestest.Empty(t))
}

func open(t *testing.T, url string) *bundle {
	t.Helper()
	conf, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	return openConfig(t, conf)
}

func openConfig(t *testing.T, conf *pgxpool.Config) *bundle {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(t.Context(), conf)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return &bundle{conf.ConnString(), pool, openMigrator(t, pool)}
}

func openMigrator(t *testing.T, pool *pgxpool.Pool) *migrations.Migrator {
	t.Helper()
	m, err := migrations.Open(pool)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

func (b *bundle) up(t *testing.T) []int64 {
	t.Helper()
	applied, err := b.migrator.Up(t.Context())
	require.NoError(t, err)
	return versions(applied)
}

func (b *bundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// connect returns a connection of the test's own to the database at url.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

var _, _, _ querier = (*pgx.Conn)(nil), (*pgxpool.Pool)(nil), pgx.Tx(nil)

// column returns the only column of a query.
func column[T any](t *testing.T, db querier, sql string, args ...any) []T {
	t.Helper()
	rows, err := db.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(t, err)
	return values
}

// value returns the only value of a query.
func value[T any](t *testing.T, db querier, sql string, args ...any) T {
	t.Helper()
	values := column[T](t, db, sql, args...)
	require.Len(t, values, 1)
	return values[0]
}

// dump returns a description of schemas public and tasksync, one line for each
// object.
func dump(t *testing.T, url string) string {
	t.Helper()
	sql, err := os.ReadFile("testdata/dump.sql")
	require.NoError(t, err)
	conn := connect(t, url)
	_, err = conn.Exec(t.Context(), `SET search_path = ''; SET jit = off`) // to compile the plan takes longest
	require.NoError(t, err)
	return strings.Join(column[string](t, conn, string(sql)), "\n") + "\n"
}

// versions returns the versions of the applied migrations.
func versions(applied []migrations.Applied) []int64 {
	out := make([]int64, len(applied))
	for i, a := range applied {
		out[i] = a.Version
	}
	return out
}

// all returns the versions from first to last, in either direction.
func all(first, last int64) []int64 {
	step := int64(1)
	if last < first {
		step = -1
	}
	out := []int64{first}
	for v := first; v != last; v += step {
		out = append(out, v+step)
	}
	return out
}

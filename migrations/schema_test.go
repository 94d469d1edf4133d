package migrations_test

import (
	"flag"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/schema.golden anew")

const golden = "testdata/schema.golden"

func TestSchemaGolden(t *testing.T) {
	t.Parallel()
	got := dump(t, setup(t).url)
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if the change is meant: go test ./migrations -run TestSchemaGolden -update")
}

func TestRiverFindsItsSchemaValid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	result, err := riverMigrator(t, b.pool).Validate(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, result.OK, result.Messages)
}

// River's migrator and ours, each from nothing, end in the same tables.
func TestRiverWouldMakeTheSameSchema(t *testing.T) {
	t.Parallel()
	theirs := setupEmpty(t)
	theirs.exec(t, `CREATE SCHEMA tasksync`)
	result, err := riverMigrator(t, theirs.pool).Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)
	require.NotEmpty(t, result.Versions)
	want := dump(t, theirs.url)

	ours := setup(t)
	ours.exec(t, `DROP TABLE tasksync.generation_events, tasksync.generation_memory, tasksync.late_results, tasksync.event_tickets, tasksync.feed_lease, tasksync.look_models, tasksync.settlements, tasksync.notifications, tasksync.archived_files, tasksync.generation_looks, tasksync.pauses; DROP TABLE tasksync.budgets, tasksync.budget_shares CASCADE; DROP FUNCTION tasksync.renew_share, tasksync.fair_share; DROP FUNCTION tasksync.notify_generation CASCADE`)
	_, got, ok := strings.Cut(dump(t, ours.url), "\nschema tasksync\n")
	require.True(t, ok)
	_, want, ok = strings.Cut(want, "\nschema tasksync\n")
	require.True(t, ok)
	require.Equal(t, want, got)

	const recorded = `SELECT line || ' ' || version FROM tasksync.river_migration ORDER BY version`
	require.Equal(t, column[string](t, theirs.pool, recorded), column[string](t, ours.pool, recorded))
}

func riverMigrator(t *testing.T, pool *pgxpool.Pool) *rivermigrate.Migrator[pgx.Tx] {
	t.Helper()
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{
		Schema: "tasksync", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return m
}

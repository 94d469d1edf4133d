package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// TestMigrateRefusesForeignColumns: the check comes before the first migration.
func TestMigrateRefusesForeignColumns(t *testing.T) {
	t.Parallel()
	url := postgrestest.Empty(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), `CREATE TABLE music_generations (id uuid PRIMARY KEY, task_id bigint)`)
	require.NoError(t, err)

	var out, errOut strings.Builder
	require.Equal(t, exitFailed, run([]string{"migrate", "up", "--database-url", url}, &out, &errOut))
	require.Contains(t, errOut.String(), "music_generations.task_id is bigint, but must be text")
	require.Empty(t, out.String())
	require.Equal(t, exitOK, run([]string{"migrate", "status", "--database-url", url}, &out, &errOut))
	require.NotContains(t, out.String(), "applied")

	_, err = conn.Exec(t.Context(), `ALTER TABLE music_generations ALTER task_id TYPE text`)
	require.NoError(t, err)
	require.Equal(t, exitOK, run([]string{"migrate", "up", "--database-url", url}, &out, &errOut), errOut.String())
}

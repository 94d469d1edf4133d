package main

import (
	"math"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// TestSyncOfARefusedAccount: the command prints what became of each row, says what is
// wrong and fails.
func TestSyncOfARefusedAccount(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{Seed: 4711, Speed: math.Inf(1)})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	url := postgrestest.URL(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, fault := range []simulator.Fault{simulator.BadKey, simulator.NoCredits} {
		var id string
		require.NoError(t, conn.QueryRow(t.Context(), `INSERT INTO music_generations (task_id, task_type) VALUES ($1, 'generate') RETURNING id`,
			sim.Submit(task.Generate, simulator.Ready, fault)).Scan(&id))
		args := []string{"sync", "--database-url", url, "--api-key", "key-hunter2", "--api-url", server.URL, "--log-level", "error", id}
		var out, errOut strings.Builder
		require.Equal(t, exitFailed, run(args, &out, &errOut), out.String())
		require.Contains(t, errOut.String(), "the provider refuses the account")
		require.Contains(t, errOut.String(), "sunoapi")
		require.NotContains(t, errOut.String(), "hunter2")
		require.Contains(t, out.String(), id)

		out.Reset()
		require.Equal(t, exitOK, run(args, &out, &errOut), "the fault is over: %s", out.String())
		require.Contains(t, out.String(), "complete")
	}
}

// TestKeyFileThatIsNone: a key file that cannot be read is a usage error of every
// command.
func TestKeyFileThatIsNone(t *testing.T) {
	t.Parallel()
	empty := t.TempDir() + "/key"
	require.NoError(t, os.WriteFile(empty, []byte(" \n"), 0o600))
	for _, file := range []string{empty, empty + "-not"} {
		for _, command := range [][]string{{"run"}, {"doctor"}, {"sync", "x"}} {
			var out, errOut strings.Builder
			args := slices.Concat(command, []string{"--database-url", "postgres://u:p@127.0.0.1:1/d", "--api-key-file", file})
			require.Equal(t, exitUsage, run(args, &out, &errOut), errOut.String())
			require.Contains(t, errOut.String(), "TASKSYNC_API_KEY_FILE: ")
			require.Contains(t, errOut.String(), file)
			require.Contains(t, errOut.String(), "the key of your account")
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/daemon"
	"tasksync/internal/postgres/postgrestest"
)

// Every row that has not ended is listed, with the reason why it waits.
func TestPendingSaysWhyRowsWait(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = pool.Exec(t.Context(), `
		INSERT INTO music_generations (task_id, task_type, provider, status, created_at) VALUES
			('fresh', 'generate', NULL, 'PENDING', now()),
			('followed', 'generate', ' Kie.AI ', 'processing', now() - interval '1 minute'),
			('old', 'generate', NULL, 'queued', now() - interval '1 hour'),
			(NULL, 'generate', NULL, 'created', now() - interval '2 hours'),
			('type', 'remix', NULL, 'queued', now()),
			('provider', 'generate', 'acme', 'queued', now()),
			('word', 'generate', NULL, 'Wartend', now() - interval '3 hours'),
			('refused', 'generate', NULL, 'queued', now()),
			('ended', 'generate', NULL, 'Completed', now()), ('ended too', 'generate', NULL, 'complete', now()),
			('first version', NULL, NULL, 'queued', now()), ('future', 'generate', NULL, 'queued', 'infinity');
		INSERT INTO tasksync.generation_memory (generation_id, refused, refused_at, held_ms, doubts, late_looks)
			SELECT id, '23514: constraint c', now(), 0, 0, 0 FROM music_generations WHERE task_id = 'refused';
		INSERT INTO tasksync.river_job (args, kind, max_attempts, queue, state, scheduled_at)
			SELECT jsonb_build_object('ids', jsonb_build_array(id::text)), 'sync', 10, 'sync', 'scheduled', now() + interval '1 hour'
			FROM music_generations WHERE task_id = 'followed'`)
	require.NoError(t, err)
	command := func(args ...string) string {
		t.Helper()
		var out, errOut strings.Builder
		code := run(append([]string{"pending", "--database-url", url, "--providers", "sunoapi,kie"}, args...), &out, &errOut)
		require.Zero(t, code, errOut.String())
		return out.String()
	}
	reasons := func(args ...string) map[string]string {
		t.Helper()
		var lines []pendingLine
		require.NoError(t, json.Unmarshal([]byte(command(append(args, "--json")...)), &lines))
		byTask := map[string]string{}
		for _, l := range lines {
			require.Equal(t, l.TaskID == "followed", l.NextLook != nil)
			require.False(t, l.CreatedAt.After(time.Now()))
			byTask[l.TaskID] = l.Reason
		}
		return byTask
	}
	ignored := map[string]string{"": "no_task_id", "type": "unknown_type", "provider": "unknown_provider", "word": "status_word"}
	require.Equal(t, ignored, reasons("--ignored"))
	overdue := map[string]string{"old": "overdue", "refused": "commit_refused"}
	require.Equal(t, overdue, reasons("--overdue"))
	all := map[string]string{"fresh": "no_job", "followed": "under_way", "old": "overdue", "refused": "commit_refused", "future": "no_job"}
	for taskID, reason := range ignored {
		all[taskID] = reason
	}
	require.Equal(t, all, reasons())

	text := command()
	require.Contains(t, text, "its task is under way")
	require.Regexp(t, `in (1h0m0s|[1-5]?[0-9]m)`, text)
	require.Contains(t, text, "constraint c")
	require.Equal(t, 2, strings.Count(command("--limit", "1"), "\n"))
	_, err = pool.Exec(t.Context(), `DELETE FROM music_generations`)
	require.NoError(t, err)
	require.Equal(t, "no rows\n", command())
}

func TestPendingOfADatabaseWithoutSchema(t *testing.T) {
	t.Parallel()
	var out, errOut strings.Builder
	require.Equal(t, exitFailed, run([]string{"pending", "--database-url", postgrestest.Empty(t)}, &out, &errOut))
	require.Contains(t, errOut.String(), "run `tasksync migrate up`")
	require.Equal(t, exitUsage, run([]string{"pending", "--limit", "0", "--database-url", "postgres://localhost/db"}, &out, &errOut))
}

// TestWhyBelow: on a narrow screen the reason stands below its row, where it is read.
func TestWhyBelow(t *testing.T) {
	t.Parallel()
	rows := []daemon.Waiting{{ID: "one", Why: "it is paused"}, {ID: "two", Why: "it is under way"}}
	for width, want := range map[int]int{80: 5, wideScreen: 3} {
		var table bytes.Buffer
		require.NoError(t, printPending(&table, withoutWhy(rows, width)))
		lines := whyBelow(strings.Split(strings.TrimRight(table.String(), "\n"), "\n"), rows, width)
		require.Len(t, lines, want)
		if width == 80 {
			require.Equal(t, []string{"  it is paused", "  it is under way"}, []string{lines[2], lines[4]})
			require.NotContains(t, lines[0], "WHY")
		} else {
			require.Contains(t, lines[1], "it is paused")
		}
	}
	require.Equal(t, []string{"no rows"}, whyBelow([]string{"no rows"}, nil, 80))
}

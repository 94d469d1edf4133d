package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// unmigrated returns a database without migrations, its pool and the settings of a
// daemon on it.
func unmigrated(t *testing.T, sql string) (*pgxpool.Pool, map[string]string) {
	t.Helper()
	url := postgrestest.Empty(t)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = pool.Exec(t.Context(), sql)
	require.NoError(t, err)
	return pool, map[string]string{
		"DATABASE_URL": url, "TASKSYNC_API_KEY": "key-of-the-test", "TASKSYNC_API_URL": "http://127.0.0.1:1", "TASKSYNC_LISTEN_ADDR": "127.0.0.1:0",
	}
}

// A transaction has read music_generations and stays open. A daemon that starts and
// wants to migrate waits for it, and says so; the application's inserts go on, and the
// daemon begins when the transaction ends.
func TestAFirstStartKeepsNoWriterWaiting(t *testing.T) {
	t.Parallel()
	pool, settings := unmigrated(t, `CREATE TABLE music_generations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), task_id text);
		INSERT INTO music_generations (task_id) SELECT n FROM generate_series(1, 100) AS n`)
	idle, err := pool.Begin(t.Context())
	require.NoError(t, err)
	var pid int
	require.NoError(t, idle.QueryRow(t.Context(), `SELECT pg_backend_pid() FROM music_generations LIMIT 1`).Scan(&pid))
	d := start(t, settings, "run")
	says := fmt.Sprintf("waits for a lock on public.music_generations, held by process %d (role tasksync_test), idle in transaction", pid)
	writer, err := pgx.Connect(t.Context(), settings["DATABASE_URL"])
	require.NoError(t, err)
	defer writer.Close(context.Background())
	_, err = writer.Exec(t.Context(), `SET statement_timeout = '10s'`)
	require.NoError(t, err)
	for end := time.Now().Add(2 * time.Minute); len(d.loud(says)) == 0; {
		require.True(t, time.Now().Before(end), d.output())
		_, err := writer.Exec(t.Context(), `INSERT INTO music_generations (task_id) VALUES ('t')`)
		require.NoError(t, err, "a writer stood behind the migration")
	}
	require.NoError(t, idle.Commit(t.Context()))
	d.ready(t)
	require.Len(t, d.loud("waits for a lock"), 1, "once")
	require.Equal(t, 0, d.stop(t))
}

// What only looks changes nothing in the database.
func TestLookingDoesNotWrite(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"doctor": {"doctor"}, "status": {"migrate", "status"}, "run": {"run", "--no-migrate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, settings := unmigrated(t, ``)
			catalog := func() (relations string) {
				require.NoError(t, pool.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', c.oid, c.xmin, c.relname), ',' ORDER BY c.oid) || (SELECT count(*) FROM pg_namespace) FROM pg_class AS c
					WHERE c.relpersistence <> 't'`).Scan(&relations))
				return relations
			}
			before := catalog()
			p := start(t, settings, args...)
			<-p.done
			require.Equal(t, map[string]int{"doctor": 1, "status": 0, "run": 1}[name], p.cmd.ProcessState.ExitCode(), p.output())
			if name == "run" {
				require.Contains(t, p.output(), "tasksync migrate up")
			}
			require.Equal(t, before, catalog())
		})
	}
}

// A table that is not meant for tasksync is refused before anything is changed.
func TestClipsOfAnotherKindAreRefused(t *testing.T) {
	t.Parallel()
	_, settings := unmigrated(t, `CREATE TABLE music_clips (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), song text); INSERT INTO music_clips DEFAULT VALUES`)
	p := start(t, settings, "run")
	<-p.done
	require.Equal(t, 1, p.cmd.ProcessState.ExitCode())
	require.Contains(t, p.output(), "music_clips")
	require.Contains(t, p.output(), "clip_id")
	require.NotContains(t, strings.ToLower(p.output()), "syntax")
}

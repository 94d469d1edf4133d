package main

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
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

// A way down says what it deletes and which daemon it would break, and does not do it
// unasked.
func TestMigrateDownAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	code, out := command(w.url, "migrate", "down")
	require.Zero(t, code, "nothing is lost, and no daemon runs: %s", out)
	code, out = command(w.url, "migrate", "up")
	require.Zero(t, code, out)

	d := start(t, w.with(), "run")
	d.ready(t)
	w.complete(t, d, worldPatience, w.add(t, 1, simulator.Ready, 0)...)
	w.exec(t, `INSERT INTO tasksync.late_results (generation_id, task_id, clips) SELECT id, task_id, '[]' FROM music_generations`)
	code, out = command(w.url, "migrate", "down", "--all")
	require.Equal(t, exitUsage, code, out)
	require.Regexp(t, `tasksync: daemon \S+ works on this database`, out)
	require.Contains(t, out, "tasksync: this deletes 1 rows of tasksync.late_results: results that came after their rows had ended")
	require.Regexp(t, `tasksync: this deletes [1-9]\d* rows of tasksync.generation_events: the log of status changes`, out)
	require.Contains(t, out, "stop the daemons first")
	require.Equal(t, 1, w.count(t, `SELECT count(*) FROM tasksync.late_results`))
	require.Zero(t, d.stop(t), tail(d.output()))

	code, out = command(w.url, "migrate", "down", "--all")
	require.Equal(t, exitUsage, code, out)
	require.NotContains(t, out, "works on this database")
	require.Contains(t, out, "say --yes")
	require.Equal(t, 1, w.count(t, `SELECT count(*) FROM tasksync.late_results`))
	code, out = command(w.url, "migrate", "down", "--all", "--yes")
	require.Zero(t, code, out)
	require.Contains(t, out, "this deletes 1 rows of tasksync.late_results")
	require.Contains(t, out, "took back 00001_application_tables.sql")
	require.Equal(t, 1, w.count(t, `SELECT count(*) FROM music_generations`), "the application's tables stay")
	code, out = command(w.url, "migrate", "down")
	require.Zero(t, code, out)
	require.Contains(t, out, "nothing to do")
}

// A daemon that runs is in the way, with --yes it is not.
func TestMigrateDownBesideADaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with(), "run")
	d.ready(t)
	w.await(t, d, "it shows that it lives", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.feed_lease WHERE name LIKE 'jobs %'`) == 1
	})
	code, out := command(w.url, "migrate", "down")
	require.Equal(t, exitUsage, code, out)
	require.Regexp(t, `daemon \S+`+time.Now().UTC().Format("2006")+`\S* works on this database`, out)
	code, out = command(w.url, "migrate", "down", "--yes")
	require.Zero(t, code, out)
	code, out = command(w.url, "migrate", "up")
	require.Zero(t, code, out)
	w.complete(t, d, worldPatience, w.add(t, 1, simulator.Ready, 0)...)
	require.Zero(t, d.stop(t), tail(d.output()))
}

// On a terminal, only a yes is one.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "\n": false, "": false, "no\n": false, "ja\n": false} {
		var out strings.Builder
		require.Equal(t, want, confirm(strings.NewReader(answer), &out, "sure? "), "%q", answer)
		require.Equal(t, "sure? ", out.String())
	}
}

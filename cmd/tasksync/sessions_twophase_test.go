package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// prepared inserts rows as an application does that commits in two phases, and returns
// their tasks. Nothing may keep it from preparing.
func (w *world) prepared(t *testing.T, app *pgx.Conn, n int) (tasks []string) {
	t.Helper()
	for range n {
		id := w.sim.Submit(task.Generate, simulator.Ready)
		do(t, app, `BEGIN`, fmt.Sprintf(`INSERT INTO music_generations (user_id, task_id, task_type, status) VALUES (gen_random_uuid(), '%s', 'generate', 'submitted')`, id),
			fmt.Sprintf(`PREPARE TRANSACTION '%s'`, id), fmt.Sprintf(`COMMIT PREPARED '%s'`, id))
		tasks = append(tasks, id)
	}
	w.tasks = append(w.tasks, tasks...)
	return tasks
}

// An application that prepares its transactions works before the daemon's first start,
// at every moment of that start, while the daemon runs and after it, and its rows
// complete: by the WAL where it can be read, and else by polling.
func TestTwoPhaseCommit(t *testing.T) {
	t.Parallel()
	for feed, settings := range map[string]map[string]string{
		"wal":  {"max_prepared_transactions": "10"},
		"poll": {"max_prepared_transactions": "10", "wal_level": "replica"},
	} {
		t.Run(feed, func(t *testing.T) {
			t.Parallel()
			w, _ := worldOn(t, postgrestest.ServerWith(t, settings))
			app, err := pgx.Connect(t.Context(), w.url)
			require.NoError(t, err)
			t.Cleanup(func() { _ = app.Close(t.Context()) })
			do(t, app, `CREATE TABLE music_generations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid, task_id text, task_type text, status text, created_at timestamptz DEFAULT now())`)
			tasks := w.prepared(t, app, 1)
			d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
			var addr string
			for addr == "" { // the migrations run meanwhile
				tasks = append(tasks, w.prepared(t, app, 1)...)
				select {
				case addr = <-d.addr:
				case <-d.done:
					t.Fatal(d.output())
				case <-time.After(10 * time.Millisecond):
				}
			}
			tasks = append(tasks, w.prepared(t, app, 5)...)
			w.await(t, d, "the feed is "+feed, func() bool {
				_, metrics := get(t, "http://"+addr+"/metrics")
				return strings.Contains(metrics, `tasksync_feed_mode{mode="`+feed+`"} 1`)
			})
			tasks = append(tasks, w.prepared(t, app, 5)...)
			w.complete(t, d, worldPatience, tasks...)
			require.Contains(t, d.output(), "two-phase commits")

			var out strings.Builder
			require.Equal(t, exitOK, run([]string{"doctor", "--database-url", w.url, "--api-key", "k", "--api-url", w.api.URL}, &out, &out), out.String())
			require.Contains(t, out.String(), "feed: auto chooses "+feed)
			require.Contains(t, out.String(), "max_prepared_transactions = 10")
			require.Zero(t, d.stop(t), tail(d.output()))
			between := w.prepared(t, app, 2)
			d = start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
			d.ready(t)
			w.complete(t, d, worldPatience, between...)
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}

// When the server begins to permit two-phase commits, the triggers are quiet at once,
// and the daemon changes over. An operator who wants them to notify all the same is
// told what that breaks, and a daemon that is told to notify says so too.
func TestTwoPhaseCommitIsPermittedLater(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	w, admin := worldOn(t, server)
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	addr := d.ready(t)
	do(t, admin, `ALTER SYSTEM SET max_prepared_transactions = 10`)
	require.NoError(t, server.Restart(t.Context()))
	app, err := pgx.Connect(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = app.Close(t.Context()) })
	tasks := w.prepared(t, app, 3)
	w.reconnect(t)
	w.await(t, d, "the feed is wal", func() bool {
		_, metrics := get(t, "http://"+addr+"/metrics")
		return strings.Contains(metrics, `tasksync_feed_mode{mode="wal"} 1`)
	})
	tasks = append(tasks, w.prepared(t, app, 3)...)
	w.complete(t, d, worldPatience, tasks...)
	require.Zero(t, d.stop(t), tail(d.output()))

	d = start(t, w.with("TASKSYNC_TIMEOUT", "10m", "TASKSYNC_FEED", "notify"), "run")
	d.ready(t)
	require.NotEmpty(t, d.loud("do not go with announcing"))
	w.complete(t, d, worldPatience, w.prepared(t, app, 1)...)
	require.Zero(t, d.stop(t), tail(d.output()))

	var out strings.Builder
	require.Equal(t, exitOK, run([]string{"feed", "trigger", "status", "--database-url", w.url}, &out, &out))
	require.Contains(t, out.String(), "quiet: ")
	require.Equal(t, exitOK, run([]string{"feed", "trigger", "on", "--database-url", w.url}, &out, &out))
	require.Contains(t, out.String(), "Postgres refuses PREPARE TRANSACTION")
	do(t, app, `BEGIN`, `INSERT INTO music_generations (task_id, task_type, status) VALUES ('x', 'generate', 'submitted')`)
	_, err = app.Exec(t.Context(), `PREPARE TRANSACTION 'x'`)
	require.ErrorContains(t, err, "NOTIFY")
	d = start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	addr = d.ready(t)
	_, metrics := get(t, "http://"+addr+"/metrics")
	require.Contains(t, metrics, `tasksync_feed_mode{mode="notify"} 1`)
	require.Zero(t, d.stop(t), tail(d.output()))
	out.Reset()
	run([]string{"doctor", "--database-url", w.url, "--api-key", "k", "--api-url", w.api.URL}, &out, &out)
	require.Contains(t, out.String(), "warn triggers: on, always")
}

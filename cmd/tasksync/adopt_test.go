package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// adopted is an application of a shape, with an upstream.
type adopted struct {
	*e2e
	shape shape
}

func newAdopted(t *testing.T, s shape) *adopted {
	t.Helper()
	w := &adopted{e2e: &e2e{provider: "sunoapi", seed: worldSeed, begins: s.begins, url: postgrestest.Empty(t)}, shape: s}
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.pool = pool
	sql, err := os.ReadFile(filepath.Join("testdata", "adopt", s.name+".sql"))
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), string(sql))
	require.NoError(t, err)
	return w
}

// adopt runs tasksync adopt, which must do its work.
func (w *adopted) adopt(t *testing.T, more ...string) string {
	t.Helper()
	args := append([]string{"adopt", "--database-url", w.url}, append(w.shape.adopt, more...)...)
	var outs, errs strings.Builder
	code := run(args, &outs, &errs)
	require.Zero(t, code, outs.String()+errs.String())
	return outs.String()
}

// burst submits tasks and inserts their rows, as the application does.
func (w *adopted) burst(t *testing.T, n int) {
	t.Helper()
	fates := simulator.Fates()
	ctx := context.WithoutCancel(t.Context())
	ids := make([]string, n)
	require.NoError(t, pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		for i := range ids {
			fate := simulator.Fate("")
			if w.rng.IntN(3) == 0 {
				fate = fates[w.rng.IntN(len(fates))]
			}
			var err error
			if ids[i], err = w.submit(ctx, tx, fate); err != nil {
				return err
			}
		}
		return nil
	}))
	w.know(t, ids...)
}

// submit submits a task and inserts its row.
func (w *adopted) submit(ctx context.Context, tx pgx.Tx, fate simulator.Fate) (string, error) {
	id := w.sim.Submit(task.Generate, fate)
	record, _ := w.sim.Task(id)
	created := time.Now()
	switch {
	case record.Expected.AtDeadline:
		created = created.Add(e2eBeforeDeadline - task.DefaultTimeout)
	case record.Fate == simulator.Forgotten:
		created = created.Add(-2 * time.Minute)
	}
	_, err := tx.Exec(ctx, w.shape.insert, id, created.UTC())
	return id, err
}

// know reads by which ids tasksync knows the rows of tasks.
func (w *adopted) know(t *testing.T, tasks ...string) {
	t.Helper()
	for _, r := range collect[struct{ ID, TaskID string }](t, w.pool, `SELECT id::text, task_id FROM music_generations WHERE task_id = ANY ($1)`, tasks) {
		w.rows[r.ID] = r.TaskID
	}
}

// verifyApplication compares what the application reads with what the simulator knows.
func (w *adopted) verifyApplication(t *testing.T) {
	t.Helper()
	clips := w.clips(t)
	for id, taskID := range w.rows {
		record, _ := w.sim.Task(taskID)
		r := collect[struct {
			Status, Error string
			URLs          []string
		}](t, w.pool, w.shape.read, taskID)
		require.Len(t, r, 1)
		what := fmt.Sprintf("%s, task %s, seed %d: %+v", record.Fate, taskID, w.seed, r[0])
		var want []string
		for _, c := range record.Expected.Clips {
			if url := clips[id][c.ClipID].AudioURL; url != "" {
				want = append(want, url)
			}
		}
		if record.Expected.Status == task.Complete {
			require.Equal(t, w.shape.complete, r[0].Status, what)
			require.Empty(t, r[0].Error, what)
			require.Len(t, r[0].URLs, min(len(want), w.shape.places), what)
			require.Subset(t, want, r[0].URLs, what)
			continue
		}
		require.Equal(t, w.shape.failed, r[0].Status, what)
		require.NotEmpty(t, r[0].Error, what)
	}
}

// An application's own table, of whatever shape, is kept in step like music_generations:
// every row ends as its task does, with its results where the application reads them.
func TestAdoptedTables(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newAdopted(t, s)
			w.adopt(t)
			w.serve(t, simulator.Config{Speed: e2eSpeed, FaultRate: 0.02, FaultMix: e2eFaults, SlowDelay: 200 * time.Millisecond})
			d := start(t, w.settings(), "run")
			d.ready(t)
			for range 3 {
				w.burst(t, e2eBurst)
			}
			w.settle(t, func() *process { return d })
			require.Zero(t, d.stop(t), tail(d.output()))
			require.NotContains(t, d.output(), "looks like a table of the application's", "it is adopted")
			w.verify(t)
			w.verifyApplication(t)
			w.report(t)
		})
	}
}

// adoptedWorld is an adopted table whose tasks stand still until the test lets time pass.
func adoptedWorld(t *testing.T, s shape) (*adopted, *world) {
	t.Helper()
	w := newAdopted(t, s)
	w.adopt(t)
	return w.world(t)
}

// world gives the application an upstream whose tasks stand still.
func (w *adopted) world(t *testing.T) (*adopted, *world) {
	t.Helper()
	w.rows = map[string]string{}
	all := &world{e2e: w.e2e}
	began := time.Now()
	w.sim = simulator.New(simulator.Config{Provider: w.provider, Seed: w.seed, Now: func() time.Time { return began.Add(time.Duration(all.ahead.Load())) }})
	all.front = newFront(w.sim)
	w.api = httptest.NewServer(all.front)
	t.Cleanup(func() {
		w.sim.Close()
		w.api.Close()
	})
	return w, all
}

// add inserts the row of a new task, and returns the task.
func (w *adopted) add(t *testing.T, fate simulator.Fate) string {
	t.Helper()
	id := w.sim.Submit(task.Generate, fate)
	_, err := w.pool.Exec(t.Context(), w.shape.insert, id, time.Now().UTC())
	require.NoError(t, err)
	w.know(t, id)
	return id
}

// word reads the application's own status of a task.
func (w *adopted) word(t *testing.T, taskID string) (word string, urls []string) {
	t.Helper()
	r := collect[struct {
		Status, Error string
		URLs          []string
	}](t, w.pool, w.shape.read, taskID)
	require.Len(t, r, 1)
	return r[0].Status, r[0].URLs
}

// The application deletes a row in a pass, submits a row again, and the daemon is
// killed; an operator retries a row.
func TestAdoptedTablesInUse(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w, all := adoptedWorld(t, s)
			d := start(t, w.settings(), "run")
			d.ready(t)
			deleted, good, refused := w.add(t, simulator.Success), w.add(t, simulator.Success), w.add(t, simulator.RefusedArtist)
			all.asked(t, d, 1, deleted, good)
			all.exec(t, s.remove, deleted)
			require.NoError(t, d.cmd.Process.Kill())
			<-d.done
			killed := w.add(t, simulator.Success)
			d = start(t, w.settings(), "run")
			d.ready(t)
			all.finish()
			ends := func(taskID, word string) {
				t.Helper()
				all.await(t, d, taskID+" is "+word, func() bool { got, _ := w.word(t, taskID); return got == word })
			}
			ends(good, s.complete)
			ends(killed, s.complete)
			ends(refused, s.failed)
			first := all.count(t, `SELECT count(*) FROM music_clips AS c JOIN music_generations AS g ON g.id = c.generation_id WHERE g.task_id = $1 AND c.status = 'complete' AND c.audio_url IS NOT NULL`, good)
			require.Equal(t, 2, first, "both results are kept, wherever the row has a place")
			_, before := w.word(t, good)
			for id, taskID := range w.rows {
				if taskID == deleted {
					require.Zero(t, all.count(t, `SELECT count(*) FROM music_generations WHERE id = $1::uuid`, id))
					require.Zero(t, all.count(t, `SELECT count(*) FROM music_clips WHERE generation_id = $1::uuid`, id))
				}
				if taskID == refused {
					code, out := command(w.url, "retry", id)
					require.Zero(t, code, out)
				}
			}
			ends(refused, s.failed)
			require.Equal(t, 1, all.count(t, `SELECT count(*) FROM tasksync.generation_events WHERE to_status = 'submitted'`))

			again := w.sim.Submit(task.Generate, simulator.Success)
			all.exec(t, s.again, good, again)
			all.asked(t, d, 1, again)
			all.finish()
			ends(again, s.complete)
			_, after := w.word(t, again)
			require.Len(t, after, min(2, s.places))
			require.NotSubset(t, before, after, "the row has the results of its new task")
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}

// A row that waits for its task in a queue of the application's is left alone, however
// old it is, and its time begins when it gets the task. So does the time of a row that
// the application submits again. What the application wrote beforehand stays.
func TestAdoptedRowsWaitForTheirTask(t *testing.T) {
	t.Parallel()
	w, all := adoptedWorld(t, shapes[1])
	d := start(t, all.with("TASKSYNC_TIMEOUT", "10m"), "run")
	d.ready(t)
	all.exec(t, `INSERT INTO tracks (id, title, status, created_at) VALUES (7, 'mine', 'pending', now() - interval '3 days')`)
	other := w.add(t, simulator.Success)
	all.asked(t, d, 2, other) // the sweep has been there
	require.Equal(t, 1, all.count(t, `SELECT count(*) FROM tracks WHERE id = 7 AND status = 'pending' AND error_message IS NULL`))

	first := w.sim.Submit(task.Generate, simulator.RefusedArtist)
	all.exec(t, `UPDATE tracks SET suno_task_id = $1 WHERE id = 7`, first)
	all.finish()
	all.await(t, d, "the first task failed", func() bool { word, _ := w.word(t, first); return word == "error" })
	again := w.sim.Submit(task.Generate, simulator.Success)
	all.exec(t, `UPDATE tracks SET status = 'pending', suno_task_id = $1, error_message = NULL WHERE id = 7`, again)
	all.asked(t, d, 2, again)
	word, _ := w.word(t, again)
	require.NotEqual(t, "error", word, "three days old, and not overdue")
	all.finish()
	all.await(t, d, "the second task is complete", func() bool { word, _ := w.word(t, again); return word == "success" })
	require.Equal(t, 1, all.count(t, `SELECT count(*) FROM tracks WHERE id = 7 AND title = 'mine' AND audio_url_2 <> '' AND completed_at IS NOT NULL`))
	require.Equal(t, 1, all.count(t, `SELECT count(*) FROM music_clips AS c JOIN music_generations AS g ON g.id = c.generation_id
		WHERE g.task_id = $1 AND c.title <> 'mine' AND c.id = (SELECT id FROM tasksync.adopted_clips WHERE task_id = $1 AND position = 0)`, again), "the title that the provider gave is kept too")
	require.Zero(t, d.stop(t), tail(d.output()))
}

// A lock on a row of a view is a lock on the application's row.
func TestAdoptedRowsAreLocked(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w, all := adoptedWorld(t, s)
			all.exec(t, s.insert, "a-task", time.Now().UTC())
			tx, err := w.pool.Begin(t.Context())
			require.NoError(t, err)
			defer tx.Rollback(context.WithoutCancel(t.Context())) //nolint:errcheck // the test has ended
			rows, err := tx.Query(t.Context(), `SELECT id::text FROM music_generations WHERE task_id = 'a-task' FOR NO KEY UPDATE`)
			require.NoError(t, err)
			ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			require.Len(t, ids, 1)
			_, err = w.pool.Exec(t.Context(), `SET lock_timeout = '100ms'; `+strings.ReplaceAll(s.remove, "$1", "'a-task'")+`; RESET lock_timeout`)
			require.ErrorContains(t, err, "lock timeout")
		})
	}
}

// A role whose rows row security hides does not start, and says what to do.
func TestAdoptedTableThatHidesItsRows(t *testing.T) {
	t.Parallel()
	w, all := adoptedWorld(t, shapes[3])
	all.exec(t, `ALTER TABLE music_generation_jobs FORCE ROW LEVEL SECURITY`)
	d := start(t, w.settings(), "run")
	<-d.done
	require.Equal(t, exitFailed, d.cmd.ProcessState.ExitCode(), d.output())
	require.Contains(t, d.output(), "row security of public.music_generation_jobs hides rows from role")
	code, out := command(w.url, "doctor", "--api-key", "a key", "--api-url", "http://127.0.0.1:1")
	require.Equal(t, exitFailed, code, out)
	require.Contains(t, out, "row security of public.music_generation_jobs hides rows from role")
}

// command runs tasksync to its end, and returns its exit status and all that it says.
func command(url string, args ...string) (code int, out string) {
	var b strings.Builder
	code = run(append(args, "--database-url", url), &b, &b)
	return code, b.String()
}

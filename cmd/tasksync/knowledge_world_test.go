package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// These tests assert one rule: a row ends only by an answer of its provider. Each of
// them is a case in which results that were paid for could be lost.
//
// world is what these tests share. Its tasks stand still until the test lets time pass
// for them, so that no test depends on its speed.
type world struct {
	*e2e
	front *front
	ahead atomic.Int64 // how far the upstream's clock is ahead, in ns
	tasks []string     // in order of add
}

const (
	worldSeed = 20261129
	// shortTimeout is the deadline of the rows of most of these tests.
	shortTimeout = 5 * time.Second
	// worldPatience bounds every wait for something that must happen.
	worldPatience = 2 * time.Minute
)

func newWorld(t *testing.T, provider string) *world {
	t.Helper()
	return newWorldOn(t, provider, postgrestest.URL(t))
}

// newWorldOn is newWorld on a database of the test's own.
func newWorldOn(t *testing.T, provider, database string) *world {
	t.Helper()
	t.Logf("%s: seed %d", provider, worldSeed)
	w := &world{e2e: &e2e{provider: provider, seed: worldSeed, url: database, rows: map[string]string{}}}
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.pool = pool
	began := time.Now()
	w.sim = simulator.New(simulator.Config{Provider: provider, Seed: w.seed, Now: func() time.Time { return began.Add(time.Duration(w.ahead.Load())) }})
	w.front = newFront(w.sim)
	w.api = httptest.NewServer(w.front)
	t.Cleanup(func() {
		w.sim.Close()
		w.api.Close()
	})
	return w
}

// with returns the settings of e2e and further ones, as names and values.
func (w *world) with(nameValue ...string) map[string]string {
	settings := maps.Clone(w.settings())
	settings["TASKSYNC_TIMEOUT"] = shortTimeout.String()
	for i := 0; i+1 < len(nameValue); i += 2 {
		settings[nameValue[i]] = nameValue[i+1]
	}
	return settings
}

// advance lets time pass for the tasks.
func (w *world) advance(d time.Duration) { w.ahead.Add(int64(d)) }

// finish lets so much time pass that each task comes to its end.
func (w *world) finish() { w.advance(time.Hour) }

// add submits n songs and inserts their rows in one transaction, with a created_at that
// is that long ago. It returns the ids of the tasks.
func (w *world) add(t *testing.T, n int, fate simulator.Fate, ago time.Duration) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = w.sim.Submit(task.Generate, fate)
	}
	for _, row := range collect[struct{ ID, TaskID string }](t, w.pool, `INSERT INTO music_generations (user_id, task_id, task_type, status, created_at)
		SELECT gen_random_uuid(), u.id, 'generate', 'submitted', clock_timestamp() - make_interval(secs => $2::double precision)
		FROM unnest($1::text[]) AS u (id) RETURNING id::text, task_id`, ids, ago.Seconds()) {
		w.rows[row.ID] = row.TaskID
	}
	w.tasks = append(w.tasks, ids...)
	return ids
}

// row is what became of a generation.
type row struct {
	ID, TaskID, Status  string
	Code, Message       string
	SinceCreated        float64 // seconds from created_at to completed_at; 0: it is pending
	Playable, Published int     // clips with a stream, with a final file
}

func (w *world) all(t *testing.T) []row {
	t.Helper()
	return collect[row](t, w.pool, `SELECT g.id::text, g.task_id, g.status, coalesce(g.error_code, ''), coalesce(g.error_message, ''),
			coalesce(extract(epoch FROM g.completed_at - g.created_at), 0)::double precision,
			count(*) FILTER (WHERE c.stream_audio_url IS NOT NULL)::integer, count(*) FILTER (WHERE c.audio_url IS NOT NULL)::integer
		FROM music_generations AS g LEFT JOIN music_clips AS c ON c.generation_id = g.id
		WHERE g.task_type IS NOT NULL GROUP BY g.id ORDER BY g.created_at, g.id`)
}

// of returns the row of a task.
func (w *world) of(t *testing.T, taskID string) row {
	t.Helper()
	for _, r := range w.all(t) {
		if r.TaskID == taskID {
			return r
		}
	}
	t.Fatalf("task %s has no row", taskID)
	return row{}
}

// standing counts the rows by their state, for messages.
func (w *world) standing(t *testing.T) string {
	t.Helper()
	counts := map[string]int{}
	for _, r := range w.all(t) {
		what := r.Status
		if r.Code != "" {
			what += fmt.Sprintf(" %s %q", r.Code, r.Message)
		}
		counts[what]++
	}
	tasks, calls := w.front.askedFor()
	return fmt.Sprintf("%v; %d of %d tasks were asked for, by %d calls", counts, tasks, len(w.tasks), calls)
}

// await waits until a condition holds.
func (w *world) await(t *testing.T, d *process, what string, so func() bool) {
	t.Helper()
	w.awaitWithin(t, d, worldPatience, what, so)
}

func (w *world) awaitWithin(t *testing.T, d *process, limit time.Duration, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("not after %s: %s; seed %d: %s\n%s", limit, what, w.seed, w.standing(t), d.last())
		}
		<-tick.C
	}
}

// complete waits until the rows of these tasks are complete, and fails the test when a
// row ends otherwise.
func (w *world) complete(t *testing.T, d *process, limit time.Duration, tasks ...string) {
	t.Helper()
	awaited := map[string]bool{}
	for _, id := range tasks {
		awaited[id] = true
	}
	began := time.Now()
	w.awaitWithin(t, d, limit, "rows are complete", func() bool {
		left := 0
		for _, r := range w.all(t) {
			if !awaited[r.TaskID] {
				continue
			}
			require.NotEqual(t, "failed", r.Status, "%s; %s\n%s", r.Message, w.standing(t), d.last())
			if r.Status != "complete" {
				left++
			}
		}
		return left == 0
	})
	t.Logf("%s: %d rows were complete after %s", w.provider, len(tasks), time.Since(began).Round(100*time.Millisecond))
}

// asked waits until each of these tasks was asked for n times.
func (w *world) asked(t *testing.T, d *process, times int, tasks ...string) {
	t.Helper()
	w.await(t, d, fmt.Sprintf("each task was asked for %d times", times), func() bool { return w.leastAsked(tasks) >= times })
}

// leastAsked returns the least number of times that one of these tasks was asked for.
func (w *world) leastAsked(tasks []string) int {
	least := math.MaxInt
	for _, id := range tasks {
		least = min(least, len(w.front.times(id)))
	}
	return least
}

// failed returns how many rows have failed.
func (w *world) failed(t *testing.T) int {
	t.Helper()
	return w.count(t, `SELECT count(*) FROM music_generations WHERE status = 'failed'`)
}

// outlive waits until the last row is that old, by the database's clock.
func (w *world) outlive(t *testing.T, d time.Duration) {
	t.Helper()
	var left float64
	err := w.pool.QueryRow(context.WithoutCancel(t.Context()), `SELECT coalesce(extract(epoch FROM max(created_at) - clock_timestamp()), 0)::double precision + $1
		FROM music_generations`, d.Seconds()).Scan(&left)
	require.NoError(t, err)
	<-time.After(time.Duration(left * float64(time.Second)))
}

// exec changes the database as the application may.
func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := w.pool.Exec(context.WithoutCancel(t.Context()), sql, args...)
	require.NoError(t, err)
}

// count returns the number that a query reads.
func (w *world) count(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	rows, err := w.pool.Query(context.WithoutCancel(t.Context()), sql, args...)
	require.NoError(t, err)
	n, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
	require.NoError(t, err)
	return n
}

// ended stops the daemon and compares every row with what the upstream knows.
func (w *world) ended(t *testing.T, d *process) {
	t.Helper()
	require.Zero(t, d.stop(t), d.last())
	w.verify(t)
	w.report(t)
}

// last returns the end of the log; empty without a process.
func (p *process) last() string {
	if p == nil {
		return ""
	}
	return tail(p.output())
}

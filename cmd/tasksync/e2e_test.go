package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
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

const (
	e2eRows  = 2000
	e2eBurst = 100
	e2eSpeed = 60 // a song takes two to three seconds
	e2ePoll  = time.Second
	// Rows that only the deadline ends are inserted this long before it.
	e2eBeforeDeadline = 20 * time.Second
)

// e2eFaults are the faults of a single call. A rate limit concerns the whole
// credential: at random, it would close the daemon's window all the time.
var e2eFaults = simulator.FaultMix{
	simulator.HTTP500: 1, simulator.HTTP502: 1, simulator.HTTP503: 1, simulator.Slow: 1,
	simulator.Cut: 1, simulator.Malformed: 1, simulator.Empty: 1, simulator.HTML: 1,
}

// e2e is what an end-to-end test has: a database, a simulated upstream over real
// HTTP, and rows that an application inserted.
type e2e struct {
	provider string
	column   any // the rows' value of column provider; nil: NULL
	seed     uint64
	begins   string // the status of new rows, as tasksync reads it; "": submitted
	rng      *rand.Rand
	url      string
	pool     *pgxpool.Pool
	sim      *simulator.Simulator
	api      *httptest.Server
	rows     map[string]string // generation id → task id
}

func newE2E(t *testing.T, provider string, seed uint64) *e2e {
	t.Helper()
	w := &e2e{provider: provider, seed: seed, url: postgrestest.URL(t)}
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.pool = pool
	w.serve(t, simulator.Config{Speed: e2eSpeed, FaultRate: 0.02, FaultMix: e2eFaults, SlowDelay: 200 * time.Millisecond})
	return w
}

// beside returns an e2e with another upstream on the same database, whose rows name
// their provider.
func (w *e2e) beside(t *testing.T, provider string) *e2e {
	t.Helper()
	other := &e2e{provider: provider, column: provider, seed: w.seed + 1, url: w.url, pool: w.pool}
	other.serve(t, simulator.Config{Speed: e2eSpeed})
	return other
}

// serve starts the upstream.
func (w *e2e) serve(t *testing.T, cfg simulator.Config) {
	t.Helper()
	t.Logf("%s: seed %d", w.provider, w.seed)
	cfg.Provider, cfg.Seed = w.provider, w.seed
	w.rng, w.rows = rand.New(rand.NewPCG(w.seed, w.seed)), map[string]string{}
	w.sim = simulator.New(cfg)
	w.api = httptest.NewServer(w.sim)
	t.Cleanup(func() {
		w.sim.Close()
		w.api.Close()
	})
}

func (w *e2e) settings() map[string]string {
	return map[string]string{
		"DATABASE_URL": w.url, "TASKSYNC_PROVIDER": w.provider, "TASKSYNC_API_URL": w.api.URL, "TASKSYNC_API_KEY": "key-of-the-end-to-end-test",
		"TASKSYNC_RATE_LIMIT": "0", "TASKSYNC_POLL_INTERVAL": e2ePoll.String(),
		"TASKSYNC_LISTEN_ADDR": "127.0.0.1:0", "TASKSYNC_CDN_PROBE": "off",
	}
}

// burst submits tasks and inserts their rows as an application does: many rows
// in one transaction, some with placeholders in either form, some without.
func (w *e2e) burst(t *testing.T, n int) {
	t.Helper()
	require.NoError(t, w.tryBurst(t.Context(), n))
}

func (w *e2e) tryBurst(ctx context.Context, n int) error {
	ctx = context.WithoutCancel(ctx)
	types := slices.Sorted(maps.Keys(task.DefaultHandlers()))
	fates := simulator.Fates()
	return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		for range n {
			taskType := types[w.rng.IntN(len(types))]
			fate := simulator.Fate("") // drawn: most end well
			if w.rng.IntN(3) == 0 {
				fate = fates[w.rng.IntN(len(fates))]
			}
			if err := w.insert(ctx, tx, taskType, fate); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *e2e) insert(ctx context.Context, tx pgx.Tx, taskType task.Type, fate simulator.Fate) error {
	taskID := w.sim.Submit(taskType, fate)
	record, _ := w.sim.Task(taskID)
	created := time.Now()
	switch {
	case record.Expected.AtDeadline:
		created = created.Add(e2eBeforeDeadline - task.DefaultTimeout)
	case record.Fate == simulator.Forgotten: // old enough for an unknown task to be believed
		created = created.Add(-2 * time.Minute)
	}
	var id string
	err := tx.QueryRow(ctx, `INSERT INTO music_generations (user_id, task_id, task_type, status, created_at, provider)
		VALUES (gen_random_uuid(), $1, $2, 'submitted', $3, $4) RETURNING id`, taskID, taskType, created, w.column).Scan(&id)
	if err != nil {
		return err
	}
	w.rows[id] = taskID
	form := w.rng.IntN(3)
	for i := range task.DefaultHandlers()[taskType].Clips {
		placeholder := fmt.Sprintf("%s-%s-%d", taskID, taskType, i)
		if form == 1 && taskType != task.Lyrics {
			placeholder = fmt.Sprintf("%s-clip-%d", taskID, i+1)
		}
		if form == 2 {
			break
		}
		if _, err := tx.Exec(ctx, `INSERT INTO music_clips (generation_id, clip_id, status) VALUES ($1, $2, 'submitted')`, id, placeholder); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until no row is pending any more.
func (w *e2e) settle(t *testing.T, d func() *process) {
	t.Helper()
	var pending int
	for deadline := time.Now().Add(8 * time.Minute); ; {
		require.NoError(t, w.pool.QueryRow(context.WithoutCancel(t.Context()), `SELECT count(*) FROM music_generations
			WHERE task_type IS NOT NULL AND status NOT IN ('complete', 'failed')`).Scan(&pending))
		if pending == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d rows are still pending; seed %d\n%s", pending, w.seed, tail(d().output()))
		}
		select {
		case <-t.Context().Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// verify compares every row and every field with what the simulator knows.
func (w *e2e) verify(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	generations := collect[struct {
		ID, TaskID, Status string
		ErrorCode, Message *string
		Completed          bool
	}](t, w.pool, `SELECT id::text, task_id, status, error_code, error_message, completed_at IS NOT NULL FROM music_generations
		WHERE task_type IS NOT NULL AND provider IS NOT DISTINCT FROM $1`, w.column)
	require.Len(t, generations, len(w.rows))
	clips := w.clips(t)
	for _, g := range generations {
		record, ok := w.sim.Task(w.rows[g.ID])
		require.True(t, ok)
		what := fmt.Sprintf("%s %s, task %s, seed %d: %s %q %+v", record.Type, record.Fate, record.TaskID, w.seed, g.Status, value(g.Message), clips[g.ID])
		require.Equal(t, string(record.Expected.Status), g.Status, what)
		require.Equal(t, string(record.Expected.ErrorCode), value(g.ErrorCode), what)
		require.True(t, g.Completed, what)
		if record.Expected.ErrorMessage != "" {
			require.Equal(t, record.Expected.ErrorMessage, value(g.Message), what)
		}
		if record.Expected.AtDeadline && g.Status == string(task.Failed) {
			require.Equal(t, "Task timed out after 10 minutes.", value(g.Message), what)
		}
		verifyClips(t, record, clips[g.ID], what)
	}
	w.verifyEvents(t, ctx)
}

func verifyClips(t *testing.T, record simulator.Record, got map[string]simulator.Clip, what string) {
	t.Helper()
	for _, want := range record.Expected.Clips {
		if want.Derive {
			want.AudioURL, want.Derive = task.CDNURL(want.ClipID), false
		}
		want = want.Allow(got[want.ClipID])
		require.Equal(t, want, got[want.ClipID], what)
		delete(got, want.ClipID)
	}
	for id, left := range got {
		_, placeholder := task.DefaultHandlers().PlaceholderNumber(id)
		require.True(t, placeholder || record.Expected.Status == task.Failed, "%s: clip %s too many", what, id)
		require.Equal(t, simulator.Clip{ClipID: id, Status: task.Failed}, left, what)
	}
}

func (w *e2e) clips(t *testing.T) map[string]map[string]simulator.Clip {
	t.Helper()
	type row struct {
		GenerationID, ClipID, Status                     string
		Title, Audio, Stream, Video, Image, Lyrics, Tags *string
		Model                                            *string
		Duration                                         *float64
	}
	out := map[string]map[string]simulator.Clip{}
	for _, r := range collect[row](t, w.pool, `SELECT generation_id::text, clip_id, status, title, audio_url, stream_audio_url,
		video_url, image_url, lyrics, tags, model_name, duration FROM music_clips`) {
		if out[r.GenerationID] == nil {
			out[r.GenerationID] = map[string]simulator.Clip{}
		}
		require.NotContains(t, out[r.GenerationID], r.ClipID)
		out[r.GenerationID][r.ClipID] = simulator.Clip{
			ClipID: r.ClipID, Status: task.Status(r.Status), Title: value(r.Title), AudioURL: value(r.Audio),
			StreamAudioURL: value(r.Stream), VideoURL: value(r.Video), ImageURL: value(r.Image), Lyrics: value(r.Lyrics),
			Tags: value(r.Tags), ModelName: value(r.Model), Duration: value(r.Duration),
		}
	}
	return out
}

// verifyEvents asserts that the event log has one line per change: each event begins
// with the status that the event before it ended with, statuses go forward or, where only
// clips have changed, stay, and the last event is an end.
func (w *e2e) verifyEvents(t *testing.T, ctx context.Context) {
	t.Helper()
	rank := map[string]int{"submitted": 1, "queued": 2, "processing": 3, "streaming": 4, "complete": 5, "failed": 5}
	at := map[string]string{}
	for _, e := range collect[struct{ ID, From, To string }](t, w.pool, `SELECT generation_id::text, from_status, to_status FROM tasksync.generation_events ORDER BY id`) {
		from := at[e.ID]
		if from == "" {
			from = cmp.Or(w.begins, "submitted")
		}
		require.Equal(t, from, e.From, "an event of %s was written twice or lost", e.ID)
		require.GreaterOrEqual(t, rank[e.To], rank[e.From], "status of %s went back", e.ID)
		require.True(t, e.From != e.To || rank[e.To] < 5, "a row that has ended, %s, has an event", e.ID)
		at[e.ID] = e.To
	}
	for id := range w.rows {
		require.Equal(t, 5, rank[at[id]], "%s has no last event", id)
	}
}

func (w *e2e) report(t *testing.T) {
	t.Helper()
	requests, finished := w.sim.Requests(), len(w.rows)
	t.Logf("%s: %d rows, %d upstream requests, %.2f per finished row", w.provider, finished, requests.Total, float64(requests.Total)/float64(finished))
}

func collect[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) []T {
	t.Helper()
	rows, err := pool.Query(context.WithoutCancel(t.Context()), sql, args...)
	require.NoError(t, err)
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	require.NoError(t, err)
	return out
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// The main job: rows inserted in bursts by plain SQL end as their tasks do.
func TestEveryRowEndsAsItsTask(t *testing.T) {
	t.Parallel()
	w := newE2E(t, "sunoapi", 20261123)
	d := start(t, w.settings(), "run")
	addr := d.ready(t)
	w.insertV1(t)
	for range e2eRows / e2eBurst {
		w.burst(t, e2eBurst)
	}
	w.settle(t, func() *process { return d })
	status, body := get(t, "http://"+addr+"/readyz")
	require.Equal(t, 200, status, body)
	require.Eventually(t, func() bool { // a scrape under load shows the last counts
		_, metrics := get(t, "http://"+addr+"/metrics")
		return strings.Contains(metrics, `tasksync_pending_generations{task_type="extend"} 0`)
	}, time.Minute, 100*time.Millisecond)
	require.Zero(t, d.stop(t), tail(d.output()))
	w.verify(t)
	w.verifyV1(t)
	w.report(t)
	require.NotContains(t, d.output(), w.settings()["TASKSYNC_API_KEY"])
}

// Rows of every other upstream end as their tasks do, too; here there are fewer.
func TestEveryProvider(t *testing.T) {
	t.Parallel()
	for _, provider := range providerNames() {
		if provider == "sunoapi" {
			continue // above
		}
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newE2E(t, provider, 20261125)
			d := start(t, w.settings(), "run")
			d.ready(t)
			for range 4 {
				w.burst(t, e2eBurst)
			}
			w.settle(t, func() *process { return d })
			require.Zero(t, d.stop(t), tail(d.output()))
			w.verify(t)
			w.report(t)
		})
	}
}

// One daemon serves the rows of two providers, and asks each provider with its own
// key.
func TestTwoProvidersAtOnce(t *testing.T) {
	t.Parallel()
	w := newE2E(t, "sunoapi", 20261126)
	other := w.beside(t, "acedata")
	settings := w.settings()
	settings["TASKSYNC_PROVIDERS"] = "sunoapi,acedata"
	settings["TASKSYNC_ACEDATA_API_URL"] = other.api.URL
	settings["TASKSYNC_ACEDATA_API_KEY"] = "another-key"
	settings["TASKSYNC_ACEDATA_RATE_LIMIT"] = "0"
	d := start(t, settings, "run")
	d.ready(t)
	for range 2 {
		w.burst(t, e2eBurst)
		other.burst(t, e2eBurst)
	}
	w.settle(t, func() *process { return d })
	require.Zero(t, d.stop(t), tail(d.output()))
	for _, x := range []*e2e{w, other} {
		x.verify(t)
		x.report(t)
	}
}

// What arrives together travels together: a burst of rows costs a batch provider
// a twentieth of the requests at most.
func TestBurstsTravelTogether(t *testing.T) {
	t.Parallel()
	const burst = 1000
	for _, provider := range providerNames() {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := &e2e{provider: provider, seed: 1, url: postgrestest.URL(t)}
			pool, err := pgxpool.New(t.Context(), w.url)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			w.pool = pool
			w.serve(t, simulator.Config{Speed: math.Inf(1), Mix: simulator.Mix{simulator.Success: 1}})
			d := start(t, w.settings(), "run")
			d.ready(t)
			ids := make([]string, burst)
			for i := range ids {
				ids[i] = w.sim.Submit(task.Generate, simulator.Success)
			}
			_, err = pool.Exec(t.Context(), `INSERT INTO music_generations (task_id, task_type) SELECT unnest($1::text[]), 'generate'`, ids)
			require.NoError(t, err)
			w.settle(t, func() *process { return d })
			require.Zero(t, d.stop(t), tail(d.output()))
			requests := w.sim.Requests().Total
			t.Logf("%s: %d rows of one burst, %d upstream requests", provider, burst, requests)
			if provider == "sunoapi" || provider == "kie" { // no batch call
				require.EqualValues(t, burst, requests)
			} else {
				require.LessOrEqual(t, requests, int64(burst/20))
			}
		})
	}
}

// A daemon that is killed in the middle of its work loses nothing: another daemon
// brings every row to its end, and nothing is written twice.
func TestKilledDaemonLosesNothing(t *testing.T) {
	t.Parallel()
	w := newE2E(t, "sunoapi", 20261124)
	d := start(t, w.settings(), "run")
	d.ready(t)
	for i := range e2eRows / e2eBurst {
		w.burst(t, e2eBurst)
		if i == e2eRows/e2eBurst/2 {
			w.awaitFinished(t, e2eRows/20, d)
			require.NoError(t, d.cmd.Process.Kill())
			<-d.done
		}
	}
	killed := time.Now()
	d = start(t, w.settings(), "run")
	d.ready(t)
	w.settle(t, func() *process { return d })
	t.Logf("all rows ended %s after the new daemon was started", time.Since(killed).Round(time.Millisecond))
	require.Zero(t, d.stop(t), tail(d.output()))
	w.verify(t)
	w.report(t)
}

// awaitFinished waits until some rows have ended, and not all.
func (w *e2e) awaitFinished(t *testing.T, n int, d *process) {
	t.Helper()
	require.Eventually(t, func() bool {
		var ended int
		err := w.pool.QueryRow(context.WithoutCancel(t.Context()), `SELECT count(*) FROM music_generations WHERE status IN ('complete', 'failed')`).Scan(&ended)
		return err == nil && ended >= n
	}, 2*time.Minute, 20*time.Millisecond, tail(d.output()))
}

const v1Row = `INSERT INTO music_generations (task_id, status, created_at, updated_at) VALUES ('v1-task', 'submitted', '2026-01-01', '2026-01-01')`

func (w *e2e) insertV1(t *testing.T) {
	t.Helper()
	_, err := w.pool.Exec(t.Context(), v1Row)
	require.NoError(t, err)
}

func (w *e2e) verifyV1(t *testing.T) {
	t.Helper()
	var untouched int
	require.NoError(t, w.pool.QueryRow(context.WithoutCancel(t.Context()), `SELECT count(*) FROM music_generations
		WHERE task_type IS NULL AND status = 'submitted' AND updated_at = '2026-01-01' AND error_code IS NULL`).Scan(&untouched))
	require.Equal(t, 1, untouched)
	_, asked := w.sim.Task("v1-task")
	require.False(t, asked)
}

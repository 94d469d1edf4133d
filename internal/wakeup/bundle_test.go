package wakeup

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/syncer"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// logBuffer is a log that several goroutines may write to at once.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// bundle is a running Queue on a database of its own, with the simulator as its
// upstream.
type bundle struct {
	*testing.T
	pool   *pgxpool.Pool
	sim    *simulator.Simulator
	syncer *watchedSyncer
	queue  *Queue
	log    *logBuffer
	reg    *prometheus.Registry
}

func setup(t *testing.T, sim simulator.Config, change ...func(*Config)) *bundle {
	t.Helper()
	b := &bundle{T: t, pool: postgrestest.Pool(t), sim: simulator.New(sim), log: &logBuffer{}, reg: prometheus.NewRegistry()}
	server := httptest.NewServer(b.sim)
	t.Cleanup(server.Close)
	t.Cleanup(b.sim.Close)
	adapter, err := sunoapi.SunoAPI().New(upstream.Config{BaseURL: server.URL, APIKey: "key", Requests: -1})
	require.NoError(t, err)
	logger := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.syncer = &watchedSyncer{Syncer: syncer.New(syncer.Config{
		Pool: b.pool, Upstreams: map[string]syncer.Upstream{"": adapter}, Policy: task.DefaultPolicy(), Logger: logger,
	})}
	cfg := Config{Pool: b.pool, Syncer: b.syncer, Logger: logger, Registerer: b.reg}
	for _, f := range change {
		f(&cfg)
	}
	b.queue = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.queue.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return b
}

// watchedSyncer records the passes, and lets after change their results before
// the Queue gets them.
type watchedSyncer struct {
	Syncer
	mu    sync.Mutex
	began []time.Time
	after func(n int, results []syncer.Result) []syncer.Result
}

func (s *watchedSyncer) then(after func(n int, results []syncer.Result) []syncer.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = after
}

// Sync implements Syncer.
func (s *watchedSyncer) Sync(ctx context.Context, req syncer.Request) ([]syncer.Result, error) {
	s.mu.Lock()
	s.began = append(s.began, time.Now())
	n, after := len(s.began), s.after
	s.mu.Unlock()
	results, err := s.Syncer.Sync(ctx, req)
	if after != nil && err == nil {
		results = after(n, results)
	}
	return results, err
}

func (s *watchedSyncer) passes() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.began...)
}

// name names tasks of the default provider, as a webhook does.
func (b *bundle) name(taskIDs ...string) (room bool) {
	return b.queue.Add([]string{"sunoapi", ""}, taskIDs)
}

// insert makes a pending row and returns its id.
func (b *bundle) insert(taskID string) (id string) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(b.Context(), `
		INSERT INTO music_generations (task_id, task_type) VALUES ($1, 'generate') RETURNING id`, taskID).Scan(&id))
	return id
}

// lock makes every query of a table wait until unlock is called or the test ends.
func (b *bundle) lock(table string) (unlock func()) {
	b.Helper()
	tx, err := b.pool.Begin(b.Context())
	require.NoError(b, err)
	unlock = sync.OnceFunc(func() {
		if err := tx.Rollback(context.Background()); err != nil {
			b.Error(err)
		}
	})
	b.Cleanup(unlock)
	_, err = tx.Exec(b.Context(), `LOCK TABLE `+table+` IN ACCESS EXCLUSIVE MODE`)
	require.NoError(b, err)
	return unlock
}

// until waits for a condition that other goroutines bring about.
func (b *bundle) until(what string, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(end) {
			require.Fail(b, what, b.log)
		}
		select {
		case <-b.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// resultCount is how many tasks have had that result.
func (b *bundle) resultCount(result string) (n int) {
	b.Helper()
	families, err := b.reg.Gather()
	require.NoError(b, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "tasksync_webhook_tasks_total" && m.GetLabel()[0].GetValue() == result {
				n += int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}

// awaitResult waits until n tasks have had that result.
func (b *bundle) awaitResult(result string, n int) {
	b.Helper()
	b.until(result, func() bool { return b.resultCount(result) >= n })
	require.Equal(b, n, b.resultCount(result))
}

func (b *bundle) queryInt(sql string, args ...any) (n int) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

// endedByWebhook waits for a row's end and reads its event log.
func (b *bundle) endedByWebhook(id string) {
	b.Helper()
	b.until("row "+id+" ends", func() bool {
		return b.queryInt(`SELECT count(*) FROM music_generations WHERE id = $1 AND status = 'complete'`, id) == 1
	})
	require.Equal(b, 1, b.queryInt(`SELECT count(*) FROM tasksync.generation_events
		WHERE generation_id = $1 AND to_status = 'complete' AND via = 'webhook'`, id))
	require.Equal(b, 2, b.queryInt(`SELECT count(*) FROM music_clips WHERE generation_id = $1 AND status = 'complete' AND audio_url <> ''`, id))
	require.Zero(b, b.queryInt(`SELECT count(*) FROM tasksync.river_job`), "a webhook leaves no job")
}

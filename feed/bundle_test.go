package feed

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/wait"
	"tasksync/migrations"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// handed stands in for the jobs, and notes the ids that it is given.
type handed struct {
	mu     sync.Mutex
	calls  [][]string
	swept  [][]string
	refuse int // how many of the next calls fail

	find    func(ctx context.Context) ([]string, error) // what a sweep finds
	entered chan []string                               // if set, gets the ids of each HandOn,
	release chan struct{}                               // which then waits for release
}

func (h *handed) HandOn(_ context.Context, ids []string) error {
	if h.entered != nil {
		h.entered <- ids
		<-h.release
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse > 0 {
		h.refuse--
		return errors.New("the database is away")
	}
	h.calls = append(h.calls, ids)
	return nil
}

func (h *handed) Sweep(ctx context.Context, _ time.Duration) ([]string, error) {
	var ids []string
	if h.find != nil {
		var err error
		if ids, err = h.find(ctx); err != nil {
			return nil, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.swept = append(h.swept, ids)
	return ids, nil
}

// times counts how often each id was handed on, by calls and by sweeps.
func (h *handed) times() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	times := map[string]int{}
	for _, ids := range slices.Concat(h.calls, h.swept) {
		for _, id := range ids {
			times[id]++
		}
	}
	return times
}

func (h *handed) has(ids ...string) bool {
	times := h.times()
	return !slices.ContainsFunc(ids, func(id string) bool { return times[id] == 0 })
}

func (h *handed) sweeps() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.swept)
}

// logBuffer is a log that is safe for concurrent use.
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

// bundle is a database to run feeds on.
type bundle struct {
	*testing.T
	database string
	pool     *pgxpool.Pool
	log      *logBuffer
}

func setup(t *testing.T) *bundle {
	t.Helper()
	return setupOn(t, postgrestest.URL(t))
}

func setupOn(t *testing.T, database string) *bundle {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return &bundle{T: t, database: database, pool: pool, log: &logBuffer{}}
}

// config configures a feed on b.
func (b *bundle) config(to Jobs) Config {
	return Config{
		Pool: b.pool, Jobs: to, Registerer: prometheus.NewRegistry(),
		Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// running is a feed under way.
type running struct {
	*Feed
	states chan string
	stop   func() // may be called again
}

// run runs a feed until it is stopped or the test ends.
func (b *bundle) run(cfg Config) *running {
	b.Helper()
	r := &running{states: make(chan string, 10_000)}
	cfg.State = func(reason string) { r.states <- reason }
	f, err := New(cfg)
	require.NoError(b, err)
	r.Feed = f
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	b.Cleanup(r.stop)
	return r
}

// session returns the address of the feed's own connection.
func (b *bundle) session(url string) *pgx.ConnConfig {
	b.Helper()
	cfg, err := pgx.ParseConfig(url)
	require.NoError(b, err)
	return cfg
}

// findAll is a sweep that finds every row.
func (b *bundle) findAll(ctx context.Context) ([]string, error) {
	rows, err := b.pool.Query(ctx, `SELECT id::text FROM music_generations`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

const patience = 60 * time.Second

func (b *bundle) await(r *running) string {
	b.Helper()
	select {
	case s := <-r.states:
		return s
	case <-time.After(patience):
		require.Fail(b, "nothing happens", b.log)
		return ""
	}
}

// awaitUp waits until the feed is up, and drops the states before.
func (b *bundle) awaitUp(r *running) {
	b.Helper()
	for b.await(r) != "" {
	}
}

// until waits for a condition that other goroutines bring about.
func (b *bundle) until(what string, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			require.Fail(b, what, b.log)
		}
		require.NoError(b, wait.For(b.Context(), 5*time.Millisecond))
	}
}

const insertRow = `INSERT INTO music_generations (user_id, task_id, task_type) VALUES (gen_random_uuid(), 't', 'generate') RETURNING id::text`

// insert makes a pending row.
func (b *bundle) insert() (id string) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.Background(), insertRow).Scan(&id))
	return id
}

func (b *bundle) exec(sql string, args ...any) {
	b.Helper()
	_, err := b.pool.Exec(context.Background(), sql, args...)
	require.NoError(b, err)
}

func (b *bundle) count(sql string, args ...any) (n int) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

// sessions counts the feeds' own connections.
func (b *bundle) sessions() int {
	return b.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1`, applicationName)
}

// terminate ends the feeds' sessions and returns how many there were.
func (b *bundle) terminate() int {
	b.Helper()
	return b.count(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1`, applicationName)
}

// migrated migrates a database to the newest version.
func migrated(t *testing.T, url string) string {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	defer pool.Close()
	m, err := migrations.Open(pool)
	require.NoError(t, err)
	defer m.Close()
	_, err = m.Up(t.Context())
	require.NoError(t, err)
	return url
}

// gathered returns the value of a metric without labels.
func gathered(t *testing.T, reg prometheus.Registerer, name string) float64 {
	t.Helper()
	families, err := reg.(prometheus.Gatherer).Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	require.Fail(t, "no metric "+name)
	return 0
}

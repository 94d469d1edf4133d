package wal

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/wait"
	"tasksync/migrations"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// longest is how long a test waits for an event that must come.
const longest = 60 * time.Second

// bundle is a database with the application's tables, and the rows that its readers
// hand on.
type bundle struct {
	*testing.T
	pool *pgxpool.Pool
	got  *handed
	log  *logBuffer
}

func setup(t *testing.T) *bundle {
	t.Helper()
	return setupOn(t, postgrestest.URL(t))
}

// setupOn keeps the trigger quiet, as a feed does while it reads the WAL.
func setupOn(t *testing.T, url string) *bundle {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	quiet, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = quiet.Close(context.Background()) })
	_, err = quiet.Exec(t.Context(), `SELECT pg_advisory_lock(8386110886476607075)`)
	require.NoError(t, err)
	return &bundle{T: t, pool: pool, got: &handed{pool: pool, ids: map[string]int{}}, log: &logBuffer{}}
}

// setupServer is setup as the superuser of a server of the test's own, with
// settings.
func setupServer(t *testing.T, settings map[string]string) (*bundle, *postgres.Server) {
	t.Helper()
	server, err := postgres.Start(t.Context(), postgres.Config{Version: os.Getenv("TASKSYNC_TEST_PG"), Settings: settings})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	url, err := server.CreateDatabase(t.Context(), "app")
	require.NoError(t, err)
	b := setupOn(t, url)
	m, err := migrations.Open(b.pool)
	require.NoError(t, err)
	_, err = m.Up(t.Context())
	require.NoError(t, errors.Join(err, m.Close()))
	return b, server
}

// reader returns one more reader of the database.
func (b *bundle) reader(change ...func(*Config)) *Reader {
	b.Helper()
	cfg := Config{
		ConnConfig: b.pool.Config().ConnConfig, Pool: b.pool, To: b.got,
		Heartbeat: 50 * time.Millisecond, Timeout: 20 * time.Second, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	r, err := New(cfg)
	require.NoError(b, err)
	return r
}

// running is a Run under way.
type running struct {
	cancel context.CancelFunc
	ready  chan struct{}
	ended  chan struct{}
	err    error // read it after ended
}

// launch runs a reader until stop or the end of the test.
func (b *bundle) launch(change ...func(*Config)) *running {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	run := &running{cancel: cancel, ready: make(chan struct{}), ended: make(chan struct{})}
	r := b.reader(append(change, func(cfg *Config) {
		cfg.Ready = func(context.Context) error {
			close(run.ready)
			return nil
		}
	})...)
	go func() {
		defer close(run.ended)
		run.err = r.Run(ctx)
	}()
	b.Cleanup(func() {
		cancel()
		<-run.ended
	})
	return run
}

// run launches a reader and waits until it reads.
func (b *bundle) run(change ...func(*Config)) *running {
	b.Helper()
	run := b.launch(change...)
	b.await(run.ready, run)
	return run
}

// await waits for c, which run must not end before.
func (b *bundle) await(c <-chan struct{}, run *running) {
	b.Helper()
	select {
	case <-c:
	case <-run.ended:
		require.Fail(b, "Run ended", "%v\n%s", run.err, b.log)
	case <-time.After(longest):
		require.Fail(b, "it takes too long", b.log)
	}
}

// end waits for the end of a run and returns its error.
func (b *bundle) end(run *running) error {
	b.Helper()
	select {
	case <-run.ended:
		return run.err
	case <-time.After(longest):
		require.Fail(b, "Run does not end", b.log)
		return nil
	}
}

func (b *bundle) stop(run *running) {
	b.Helper()
	run.cancel()
	require.ErrorIs(b, b.end(run), context.Canceled)
}

func (b *bundle) until(what string, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(longest); !ok(); {
		if time.Now().After(end) {
			require.Fail(b, what, b.log)
		}
		require.NoError(b, wait.For(b.Context(), 10*time.Millisecond))
	}
}

func (b *bundle) exec(sql string, args ...any) {
	b.Helper()
	_, err := b.pool.Exec(b.Context(), sql, args...)
	require.NoError(b, err)
}

// insert makes pending V2 rows in one transaction.
func (b *bundle) insert(n int) []string {
	b.Helper()
	return b.ids(`INSERT INTO music_generations (task_id, task_type) SELECT 'task', 'generate' FROM generate_series(1, $1) RETURNING id::text`, n)
}

func (b *bundle) ids(sql string, args ...any) []string {
	b.Helper()
	rows, err := b.pool.Query(b.Context(), sql, args...)
	require.NoError(b, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	return ids
}

func (b *bundle) one(sql string, args ...any) (value string) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(b.Context(), sql, args...).Scan(&value))
	return value
}

func (b *bundle) status() Status {
	b.Helper()
	s, err := b.reader().Status(b.Context())
	require.NoError(b, err)
	return s
}

// awaitExactly waits until ids, and no others, were handed on.
func (b *bundle) awaitExactly(ids []string) {
	b.Helper()
	b.awaitAll(ids)
	want := slices.Sorted(slices.Values(ids))
	require.Equal(b, want, b.got.sorted())
}

// awaitAll waits until ids were handed on, for as long as their number grows.
func (b *bundle) awaitAll(ids []string) {
	b.Helper()
	for left := len(ids); left > 0; {
		before := left
		b.until("not every row is handed on", func() bool {
			left = b.got.left(ids)
			return left == 0 || left < before
		})
	}
	require.Empty(b, b.got.strange(), "handed on before they can be seen")
}

// writeWAL makes the server write WAL that does not concern the reader.
func (b *bundle) writeWAL(megabytes int) {
	b.Helper()
	b.exec(`CREATE TABLE IF NOT EXISTS elsewhere (text text)`)
	for range megabytes {
		b.exec(`INSERT INTO elsewhere SELECT repeat('x', 1000) FROM generate_series(1, 1000)`)
	}
}

// handed stands in for the jobs: it notes the ids that it is given, and whether it
// could see their rows.
type handed struct {
	pool *pgxpool.Pool

	mu      sync.Mutex
	ids     map[string]int // how often
	unseen  []string
	largest int
	refuse  error         // if set, all calls fail
	refused int           // how many calls have failed
	hold    chan struct{} // if set, calls wait for it
}

func (h *handed) HandOn(ctx context.Context, ids []string) error {
	h.mu.Lock()
	refuse, hold := h.refuse, h.hold
	if refuse != nil {
		h.refused++
	}
	h.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if refuse != nil {
		return refuse
	}
	rows, err := h.pool.Query(ctx, `SELECT id FROM unnest($1::uuid[]) AS id WHERE NOT EXISTS (SELECT FROM music_generations AS g WHERE g.id = id.id)`, ids)
	if err != nil {
		return err
	}
	unseen, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unseen = append(h.unseen, unseen...)
	h.largest = max(h.largest, len(ids))
	for _, id := range ids {
		h.ids[id]++
	}
	return nil
}

func (h *handed) set(refuse error, hold chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse, h.hold = refuse, hold
}

func (h *handed) refusals() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refused
}

func (h *handed) all(ids []string) bool { return h.left(ids) == 0 }

// left returns at least how many of ids were not handed on, and 0 only if all were.
func (h *handed) left(ids []string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if few := len(ids) - len(h.ids); few > 0 {
		return few // without a loop, which would hold up HandOn
	}
	for _, id := range ids {
		if h.ids[id] == 0 {
			n++
		}
	}
	return n
}

func (h *handed) sorted() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := make([]string, 0, len(h.ids))
	for id := range h.ids {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (h *handed) strange() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.unseen)
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

func (l *logBuffer) has(text string) bool { return strings.Contains(l.String(), text) }

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

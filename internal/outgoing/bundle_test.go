package outgoing

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/syncer"
	"tasksync/task"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// patience bounds every wait for something that must happen.
const patience = time.Minute

// got is a request that a receiver has had.
type got struct {
	id, body, path string
	Type           Type `json:"type"`
	Data           struct {
		ID, Status string
		Clips      []struct{ Title string }
	} `json:"data"`
}

// server is a receiver.
type server struct {
	url string

	mu     sync.Mutex
	got    []got
	answer func(g got, w http.ResponseWriter) // nil: 204
}

func newServer(t *testing.T, secret Secret) *server {
	t.Helper()
	s := &server{}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		g := got{id: r.Header.Get("Webhook-Id"), body: string(raw), path: r.URL.Path}
		seconds, _ := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
		if err != nil || json.Unmarshal(raw, &g) != nil || r.Header.Get("Webhook-Signature") != signature([]Secret{secret}, g.id, time.Unix(seconds, 0), raw) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.mu.Lock()
		s.got = append(s.got, g)
		answer := s.answer
		s.mu.Unlock()
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer(g, w)
	}))
	t.Cleanup(h.Close)
	s.url = h.URL + "/hooks"
	return s
}

func (s *server) answers(f func(g got, w http.ResponseWriter)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// of returns the requests about a row.
func (s *server) of(id string) (of []got) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.got {
		if g.Data.ID == id {
			of = append(of, g)
		}
	}
	return of
}

func (s *server) types(id string) (types []Type) {
	for _, g := range s.of(id) {
		types = append(types, g.Type)
	}
	return types
}

// logBuffer is a log that concurrent workers may write to.
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

// bundle is a database with receivers.
type bundle struct {
	*testing.T
	pool     *pgxpool.Pool
	registry *prometheus.Registry
	log      *logBuffer
	secret   Secret
	notifier *Notifier
}

// setup returns a bundle with so many receivers.
func setup(t *testing.T, servers int) (*bundle, []*server) {
	t.Helper()
	b := &bundle{T: t, pool: postgrestest.Pool(t), log: &logBuffer{}, secret: bytes.Repeat([]byte("k"), 32)}
	var all []*server
	var urls []string
	for range servers {
		s := newServer(t, b.secret)
		all, urls = append(all, s), append(urls, s.url)
	}
	b.notifier = b.open(urls...)
	return b, all
}

// open makes a notifier as another daemon on the same database has it.
func (b *bundle) open(urls ...string) *Notifier {
	b.Helper()
	b.registry = prometheus.NewRegistry()
	cfg := Config{Pool: b.pool, Secrets: []Secret{b.secret}, Schema: "tasksync", Version: "test", Registerer: b.registry, Logger: slog.New(slog.NewTextHandler(b.log, nil))}
	for _, u := range urls {
		r, err := NewReceiver(u)
		require.NoError(b, err)
		cfg.Receivers = append(cfg.Receivers, r)
	}
	n, err := New(cfg)
	require.NoError(b, err)
	b.Cleanup(n.Close)
	return n
}

// work works the jobs of a notifier until the test ends, or stop is called.
func (b *bundle) work(n *Notifier) (stop func()) {
	b.Helper()
	workers := river.NewWorkers()
	n.AddTo(workers)
	client, err := river.NewClient(riverpgxv5.New(b.pool), &river.Config{
		Schema: "tasksync", Workers: workers, Queues: n.Queues(), FetchCooldown: time.Millisecond, FetchPollInterval: 50 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(b, err)
	require.NoError(b, client.Start(context.WithoutCancel(b.Context())))
	stop = sync.OnceFunc(func() { _ = client.StopAndCancel(context.WithoutCancel(b.Context())) })
	b.Cleanup(stop)
	return stop
}

// row inserts a row with a clip.
func (b *bundle) row(status task.Status) (id string) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(b.Context(), `INSERT INTO music_generations (task_id, task_type, status) VALUES ('t', 'generate', $1) RETURNING id`, status).Scan(&id))
	b.exec(`INSERT INTO music_clips (generation_id, clip_id, status, title) VALUES ($1, 'c', $2, 'Rivers & <Roads>')`, id, status)
	return id
}

func (b *bundle) exec(sql string, args ...any) {
	b.Helper()
	_, err := b.pool.Exec(b.Context(), sql, args...)
	require.NoError(b, err)
}

func (b *bundle) count(sql string, args ...any) (n int) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(b.Context(), sql, args...).Scan(&n))
	return n
}

// ends writes the end of a row, as the syncer does.
func (b *bundle) ends(n *Notifier, id string, from, to task.Status) {
	b.Helper()
	require.NoError(b, pgx.BeginFunc(b.Context(), b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(b.Context(), `UPDATE music_generations SET status = $2 WHERE id = $1`, id, to); err != nil {
			return err
		}
		return n.Effect(b.Context(), tx, []syncer.Ending{{Generation: task.Generation{ID: id}, From: from, To: to}})
	}))
}

func (b *bundle) until(what string, so func() bool) {
	b.Helper()
	for deadline := time.Now().Add(patience); !so(); {
		if time.Now().After(deadline) {
			b.Fatalf("never: %s\n%s", what, b.log)
		}
		select {
		case <-b.Context().Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// state reads a row of notifications by its row of music_generations.
func (b *bundle) state(id string) (state, result string, attempts int) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(b.Context(), `SELECT state, coalesce(result, ''), attempts FROM tasksync.notifications WHERE generation_id = $1 ORDER BY id LIMIT 1`, id).Scan(&state, &result, &attempts))
	return state, result, attempts
}

// due makes everything that waits due, and its jobs.
func (b *bundle) due() {
	b.Helper()
	b.exec(`UPDATE tasksync.notifications SET next_at = now() WHERE state = 'pending'`)
	b.exec(`UPDATE tasksync.river_job SET scheduled_at = now(), state = 'available' WHERE state IN ('scheduled', 'available') AND kind = 'notify'`)
}

func (b *bundle) metric(result string) int {
	return int(testutil.ToFloat64(b.notifier.metrics.deliveries.WithLabelValues(result)))
}

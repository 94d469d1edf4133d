package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/internal/wait"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// logBuffer is a log that all parts may write to at once.
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

// bundle is a database and an upstream, to run daemons on.
type bundle struct {
	*testing.T
	database string
	pool     *pgxpool.Pool
	sim      *simulator.Simulator
	simURL   string
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
	sim := simulator.New(simulator.Config{Seed: 4711, Speed: math.Inf(1)})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	return &bundle{T: t, database: database, pool: pool, sim: sim, simURL: server.URL, log: &logBuffer{}}
}

// config returns the configuration of a daemon on b.
func (b *bundle) config() Config {
	return Config{
		DatabaseURL: b.database,
		Providers:   []Provider{{Provider: sunoapi.SunoAPI(), APIKey: "key-of-the-test", APIURL: b.simURL, RateLimit: &upstream.Rate{}}},
		ListenAddr:  "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(b.log, nil)), Version: "test",
	}
}

// running is a daemon that runs.
type running struct {
	addr   string
	admin  atomic.Pointer[string] // the address of metrics and health; nil: not yet
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // read it after ended
}

// launch starts a daemon without waiting for it to be ready. The daemon is stopped
// at the end of the test.
func (b *bundle) launch(cfg Config) *running {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{addr: cfg.ListenAddr, cancel: cancel, ended: make(chan struct{})}
	cfg.AdminStarted = func(addr net.Addr) { r.admin.Store(new(addr.String())) }
	go func() {
		defer close(r.ended)
		r.err = Run(ctx, cfg)
	}()
	b.Cleanup(func() {
		cancel()
		<-r.ended
	})
	return r
}

// run starts a daemon and waits until every part of it works.
func (b *bundle) run(cfg Config) *running {
	b.Helper()
	started := make(chan net.Addr, 1)
	cfg.Started = func(addr net.Addr) { started <- addr }
	r := b.launch(cfg)
	select {
	case addr := <-started:
		r.addr = addr.String()
	case <-r.ended:
		require.NoError(b, r.err)
		require.Fail(b, "it ended")
	case <-time.After(30 * time.Second):
		require.Fail(b, "it does not start", b.log)
	}
	return r
}

// stop stops a daemon as SIGTERM does, and returns how long that took.
func (b *bundle) stop(r *running) time.Duration {
	b.Helper()
	began := time.Now()
	r.cancel()
	select {
	case <-r.ended:
	case <-time.After(20 * time.Second):
		require.Fail(b, "it does not stop", b.log)
	}
	require.NoError(b, r.err)
	return time.Since(began)
}

// get sends a GET to the daemon, to the address where the path is. The status is 0 if
// there is no response.
func (r *running) get(path string) (status int, body string) {
	addr := r.addr
	if path == "/metrics" || path == "/readyz" {
		admin := r.admin.Load()
		if admin == nil {
			return 0, "it does not listen yet"
		}
		addr = *admin
	}
	return fetch(addr, path)
}

func fetch(addr, path string) (status int, body string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + addr + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(data)
}

// reasons returns why the daemon is not ready, by part.
func (r *running) reasons() map[string]string {
	_, body := r.get("/readyz")
	var answer struct{ Reasons map[string]string }
	_ = json.Unmarshal([]byte(body), &answer)
	return answer.Reasons
}

func (r *running) ready() bool {
	status, _ := r.get("/readyz")
	return status == http.StatusOK
}

// until waits until ok.
func (b *bundle) until(what string, ok func() bool) {
	b.Helper()
	b.within(30*time.Second, what, ok)
}

func (b *bundle) within(d time.Duration, what string, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(d); !ok(); {
		if time.Now().After(end) {
			require.Fail(b, what, b.log)
		}
		require.NoError(b, wait.For(b.Context(), 10*time.Millisecond))
	}
}

// insert makes a submitted row.
func (b *bundle) insert(kind task.Type, taskID string) string {
	b.Helper()
	return b.insertFor("b0b00000-0000-4000-8000-000000000002", kind, taskID)
}

// insertFor is insert for a user.
func (b *bundle) insertFor(user string, kind task.Type, taskID string) string {
	b.Helper()
	var id string
	err := b.pool.QueryRow(context.Background(), `
		INSERT INTO music_generations (user_id, task_id, task_type) VALUES ($1, $2, nullif($3, '')) RETURNING id`,
		user, taskID, string(kind)).Scan(&id)
	require.NoError(b, err)
	return id
}

// submit makes a task that is ready at the first look, and its row.
func (b *bundle) submit(faults ...simulator.Fault) string {
	b.Helper()
	return b.insert(task.Generate, b.sim.Submit(task.Generate, simulator.Ready, faults...))
}

// done reports whether rows are complete. Without a database it is false.
func (b *bundle) done(ids ...string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var n int
	err := b.pool.QueryRow(ctx, `SELECT count(*) FROM music_generations WHERE id = ANY ($1::uuid[]) AND status = 'complete'`, ids).Scan(&n)
	return err == nil && n == len(ids)
}

func (b *bundle) count(sql string, args ...any) (n int) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

// terminate ends the backends with the application name, and returns their number.
func (b *bundle) terminate(application string) int {
	b.Helper()
	return b.count(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1`, application)
}

// freeAddr returns an address where nothing listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// examine returns what the doctor says, a line for each finding.
func (b *bundle) examine(cfg Config) string {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var lines []string
	require.NoError(b, Examine(ctx, cfg, func(f Finding) { lines = append(lines, f.String()) }))
	text := strings.Join(lines, "\n")
	require.NotContains(b, text, "key-of-the-test")
	require.NotContains(b, text, ":"+password(b.T, b.database)+"@")
	return text
}

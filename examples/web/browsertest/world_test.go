//go:build browser

package browsertest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/daemon"
	"tasksync/examples/web"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/looks"
	"tasksync/queries"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const (
	patience = time.Minute
	secret   = "the secret of the test, which is long enough"
	me       = "7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11"
	other    = "11111111-2222-4333-8444-555555555555"
)

// world is a database, an upstream whose time the test sets, and the page. Daemons
// start and stop at one address.
type world struct {
	*testing.T
	database string
	pool     *pgxpool.Pool
	sim      *simulator.Simulator
	simURL   string
	clock    atomic.Int64         // of the upstream, in hours; only the test moves it
	addr     string               // of the daemon
	page     string               // the origin of the page
	change   func(*daemon.Config) // of the daemons; nil: nothing
}

// newWorld returns a world without a daemon.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, database: postgrestest.URL(t), addr: freeAddr(t)}
	pool, err := pgxpool.New(t.Context(), w.database)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.pool = pool
	w.serveUpstream()
	w.page = w.serve(web.Handler("http://"+w.addr, w.simURL))
	return w
}

func (w *world) serve(h http.Handler) string {
	server := httptest.NewServer(h)
	w.Cleanup(server.Close)
	return server.URL
}

// serveUpstream serves the simulator, with media from the same address.
func (w *world) serveUpstream() {
	server := httptest.NewUnstartedServer(nil)
	w.simURL = "http://" + server.Listener.Addr().String()
	began := time.Now()
	w.sim = simulator.New(simulator.Config{Seed: 7, MediaURL: w.simURL, Now: func() time.Time {
		return began.Add(time.Duration(w.clock.Load()) * time.Hour)
	}})
	server.Config.Handler = w.sim
	server.Start()
	w.Cleanup(server.Close)
	w.Cleanup(w.sim.Close)
}

// teach lets daemons know that tasks of this type take from one to six minutes.
func (w *world) teach(kind task.Type) {
	w.Helper()
	model := looks.NewModel(func(time.Duration) float64 { return 0.5 })
	for i := range 150 {
		end := time.Minute + time.Duration(i*97%150)*2*time.Second
		model.Learn(looks.Track{}.Looked(end-time.Second, task.StageSubmitted), end+time.Second, false)
	}
	lesson, _ := model.Lesson()
	_, err := queries.New().LookModelLearn(w.Context(), w.pool, queries.LookModelLearnParams{
		Provider: "sunoapi", TaskType: string(kind), Keep: lesson.Keep, Add: lesson.Add,
	})
	require.NoError(w, err)
}

// letTimePass moves the upstream's clock past the end of its tasks.
func (w *world) letTimePass() { w.clock.Add(1) }

// start runs a daemon at addr until it is stopped, or until the test ends.
func (w *world) start(addr string) (stop func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	cfg := daemon.Config{
		DatabaseURL:  w.database,
		Providers:    []daemon.Provider{{Provider: sunoapi.SunoAPI(), APIKey: "key", APIURL: w.simURL, RateLimit: &upstream.Rate{}}},
		PollInterval: 100 * time.Millisecond,
		NoCDNProbe:   true, ListenAddr: addr, AdminAddr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
		API:     daemon.API{JWTSecret: secret, CORSOrigins: []string{w.page}},
		Started: func(net.Addr) { close(ready) },
	}
	if w.change != nil {
		w.change(&cfg)
	}
	go func() { ended <- daemon.Run(ctx, cfg) }()
	var stopped bool
	stop = func() {
		cancel()
		if !stopped {
			stopped = true
			require.NoError(w, <-ended)
		}
	}
	w.Cleanup(stop)
	select {
	case <-ready:
	case err := <-ended:
		stopped = true
		require.NoError(w, err)
		require.Fail(w, "the daemon has ended")
	case <-time.After(patience):
		require.Fail(w, "the daemon does not start")
	}
	return stop
}

// insert inserts a row with the SQL of the page.
func (w *world) insert(user string, kind task.Type, fate simulator.Fate) (id string, record simulator.Record) {
	w.Helper()
	taskID := w.sim.Submit(kind, fate)
	err := w.pool.QueryRow(context.Background(), `INSERT INTO music_generations (user_id, task_id, task_type)
		VALUES ($1, $2, $3) RETURNING id::text`, user, taskID, string(kind)).Scan(&id)
	require.NoError(w, err)
	record, _ = w.sim.Task(taskID)
	return id, record
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	_, err := w.pool.Exec(context.Background(), sql, args...)
	require.NoError(w, err)
}

// awaitStatus waits until the row has a status.
func (w *world) awaitStatus(id string, status task.Status) {
	w.Helper()
	require.Eventually(w, func() bool {
		var is string
		err := w.pool.QueryRow(context.Background(), `SELECT status FROM music_generations WHERE id = $1`, id).Scan(&is)
		return err == nil && is == string(status)
	}, patience, 20*time.Millisecond)
}

// link returns the link of the page with a token for me that is valid for so long.
func (w *world) link(valid time.Duration) string {
	return w.page + "/#" + url.Values{"api": {"http://" + w.addr}, "token": {w.token(secret, valid)}}.Encode()
}

func (w *world) token(secret string, valid time.Duration) string {
	w.Helper()
	return w.sign(secret, jwt.MapClaims{"sub": me, "aud": "authenticated", "exp": time.Now().Add(valid).Unix()})
}

func (w *world) sign(secret string, claims jwt.MapClaims) string {
	w.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	require.NoError(w, err)
	return token
}

// freeAddr returns an address where no server listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

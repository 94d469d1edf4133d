package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/internal/auth"
	"tasksync/internal/live"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/syncer"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const (
	secret       = "a-secret-of-the-tests-with-more-than-32-bytes"
	webhookToken = "unguessable-token-of-the-tests"
	alice        = "a11ce000-0000-4000-8000-000000000001"
	bob          = "b0b00000-0000-4000-8000-000000000002"
)

// logBuffer is a log that several requests may write to at once.
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

// bundle is an API behind a server, on a database of its own, with the simulator as
// its upstream.
type bundle struct {
	*testing.T
	pool      *pgxpool.Pool
	sim       *simulator.Simulator
	cfg       Config
	api       *API
	url       string
	log       *logBuffer
	reg       *prometheus.Registry
	announcer *live.Announcer
}

// setup makes and runs an API with a changed configuration.
func setup(t *testing.T, change ...func(*Config)) *bundle {
	t.Helper()
	return setupLimited(t, -1, change...)
}

// setupLimited is setup with a rate limit of the adapter, in calls in 10 s; negative:
// none.
func setupLimited(t *testing.T, limit int, change ...func(*Config)) *bundle {
	t.Helper()
	return setupOn(t, postgrestest.Pool(t), limit, change...)
}

func setupOn(t *testing.T, pool *pgxpool.Pool, limit int, change ...func(*Config)) *bundle {
	t.Helper()
	b := &bundle{T: t, pool: pool, log: &logBuffer{}, reg: prometheus.NewRegistry()}
	b.sim = simulator.New(simulator.Config{Provider: "kie", Seed: 4711, Speed: math.Inf(1)})
	server := httptest.NewServer(b.sim)
	t.Cleanup(server.Close)
	t.Cleanup(b.sim.Close)
	adapter, err := sunoapi.Kie().New(upstream.Config{BaseURL: server.URL, APIKey: "key", Requests: limit, Window: 10 * time.Second, Registerer: b.reg})
	require.NoError(t, err)
	logger := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	verifier, err := auth.New(auth.Config{Secret: secret})
	require.NoError(t, err)
	b.announcer = live.NewAnnouncer(b.pool)
	b.cfg = Config{
		Pool: b.pool, Verifier: verifier, Logger: logger, Registerer: b.reg, Version: "test",
		Syncer: syncer.New(syncer.Config{Pool: b.pool, Upstreams: map[string]syncer.Upstream{"": adapter}, Policy: task.DefaultPolicy(), Logger: logger, Registerer: b.reg, Committed: b.announcer.Announce}),
		Live:   live.New(live.Config{ConnConfig: b.pool.Config().ConnConfig, Registerer: b.reg}),
		Webhooks: map[string]Webhook{
			"kie":     {Providers: []string{"kie", ""}, Tasks: upstream.CallbackTaskIDs},
			"acedata": {Providers: []string{"acedata"}, Tasks: upstream.CallbackTaskIDs},
		},
		WebhookTokens: []string{webhookToken},
		UserRate:      1000, UserBurst: 1000, UserAtOnce: 1000,
	}
	for _, f := range change {
		f(&b.cfg)
	}
	b.serve()
	return b
}

// serve runs the API until the test ends, behind a server with the daemon's timeouts.
func (b *bundle) serve() {
	b.Helper()
	var err error
	b.api, err = New(b.cfg)
	require.NoError(b, err)
	server := httptest.NewUnstartedServer(b.api)
	server.Config.ReadHeaderTimeout, server.Config.ReadTimeout, server.Config.WriteTimeout = 5*time.Second, 10*time.Second, 30*time.Second
	server.Config.MaxHeaderBytes = 16 << 10
	server.Start()
	b.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { b.NoError(b.api.Run(ctx)) })
	parts.Go(func() { b.NoError(b.cfg.Live.Run(ctx)) })
	parts.Go(func() { b.NoError(b.announcer.Run(ctx)) })
	b.Cleanup(func() {
		cancel()
		parts.Wait()
		server.CloseClientConnections()
		server.Close()
	})
}

// NoError marks the test as failed from any goroutine.
func (b *bundle) NoError(err error) {
	if err != nil {
		b.Error(err)
	}
}

// token returns a token of the user that is valid for an hour.
func token(user string, change ...func(jwt.MapClaims)) string {
	claims := jwt.MapClaims{"sub": user, "aud": "authenticated", "role": "authenticated", "exp": time.Now().Add(time.Hour).Unix()}
	for _, f := range change {
		f(claims)
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		panic(err)
	}
	return signed
}

// response is a response that was read to its end.
type response struct {
	status int
	header http.Header
	body   string
}

// decode reads a JSON body.
func (a response) decode(t testing.TB, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(a.body), v), a.body)
}

// detail returns the detail of a problem.
func (a response) detail(t testing.TB) string {
	t.Helper()
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), a.body)
	var p struct {
		Status int
		Detail string
	}
	a.decode(t, &p)
	require.Equal(t, a.status, p.Status)
	return p.Detail
}

// call sends a request; bearer "" sends no token.
func (b *bundle) call(method, path, bearer, body string) response {
	b.Helper()
	a, err := b.try(method, path, bearer, body)
	require.NoError(b, err)
	return a
}

func (b *bundle) try(method, path, bearer, body string) (response, error) {
	req, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, string(raw)}, err
}

// insert makes a pending row of a user and returns its id.
func (b *bundle) insert(user string, kind task.Type, taskID string) string {
	b.Helper()
	var id string
	err := b.pool.QueryRow(context.Background(), `
		INSERT INTO music_generations (user_id, task_id, task_type) VALUES ($1, $2, nullif($3, '')) RETURNING id`,
		user, taskID, string(kind)).Scan(&id)
	require.NoError(b, err)
	return id
}

// insertReady makes a task that is complete at the first look, and its row.
func (b *bundle) insertReady(user string) (id, taskID string) {
	b.Helper()
	taskID = b.sim.Submit(task.Generate, simulator.Ready)
	return b.insert(user, task.Generate, taskID), taskID
}

func (b *bundle) status(id string) string {
	b.Helper()
	var s string
	require.NoError(b, b.pool.QueryRow(context.Background(), `SELECT status FROM music_generations WHERE id = $1`, id).Scan(&s))
	return s
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

// rows is the response to a POST or a GET.
type rows struct {
	Generations []struct {
		ID     string
		UserID string `json:"user_id"`
		TaskID string `json:"task_id"`
		Status string
		Clips  []struct {
			ClipID   string  `json:"clip_id"`
			AudioURL *string `json:"audio_url"`
		}
	}
	SyncedCount *int `json:"syncedCount"`
	Count       *int
}

func (b *bundle) post(user, body string) rows {
	b.Helper()
	a := b.call(http.MethodPost, syncPath, token(user), body)
	require.Equal(b, http.StatusOK, a.status, a.body)
	var r rows
	a.decode(b, &r)
	return r
}

func taskIDs(ids ...string) string {
	raw, err := json.Marshal(map[string][]string{"taskIds": ids})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

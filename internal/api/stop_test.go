package api

import (
	"context"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/syncer"
	"tasksync/task"
)

// TestStopClosesThePool has requests under way and sends new ones while the daemon
// stops, until the pool is closed.
func TestStopClosesThePool(t *testing.T) {
	t.Parallel()
	held := &heldSyncer{}
	var pool *pgxpool.Pool
	b := setup(t, func(c *Config) {
		var err error
		pool, err = pgxpool.NewWithConfig(context.Background(), c.Pool.Config())
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		c.Pool = pool
		c.Syncer = syncer.New(syncer.Config{Pool: pool, Upstreams: map[string]syncer.Upstream{"": panickingUpstream{}}, Policy: task.DefaultPolicy()})
	}, holdPasses(held))
	api, err := New(Config{Pool: pool, Syncer: b.cfg.Syncer, Verifier: b.cfg.Verifier, Live: b.cfg.Live, Logger: b.cfg.Logger})
	require.NoError(t, err)
	b.url = b.serveHandler(api, func(*http.Server) {})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- api.Run(ctx) }()
	b.insertStuck(alice)
	b.insertStuck(bob)
	late := make(chan response, 1)
	go func() {
		a, err := b.try(http.MethodPost, syncPath, token(bob), "")
		b.NoError(err)
		late <- a
	}()
	b.awaitPass(held)
	cancel()
	b.until("POSTs are refused", func() bool {
		a := b.call(http.MethodPost, syncPath, token(alice), taskIDs("unknown"))
		require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, a.status, a.body)
		return a.status == http.StatusServiceUnavailable
	})
	require.NoError(t, <-ended)
	pool.Close()
	for range 3 {
		requireStopping(t, b.call(http.MethodPost, syncPath, token(alice), ""))
		requireStopping(t, b.call(http.MethodGet, syncPath, token(alice), ""))
		requireStopping(t, b.call(http.MethodPost, syncPath+"/events/ticket", token(alice), ""))
	}
	close(held.release)
	requireStopping(t, <-late)
	require.NotContains(t, b.log.String(), "level=ERROR")
}

func requireStopping(t *testing.T, a response) {
	t.Helper()
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.body)
	require.Equal(t, "tasksync is stopping: try again", a.detail(t))
	require.NotEmpty(t, a.header.Get("Retry-After"))
}

// panickingUpstream is an upstream that must not get a call.
type panickingUpstream struct{}

func (panickingUpstream) Fetch(context.Context, []task.Ref) ([]task.Observation, error) {
	panic("asked")
}

// TestStopDoesNotWaitForWebhooks: POSTs get an error as soon as the stop begins.
func TestStopDoesNotWaitForWebhooks(t *testing.T) {
	t.Parallel()
	held := &heldSyncer{}
	b := setup(t, holdPasses(held))
	api, err := New(Config{Pool: b.pool, Syncer: b.cfg.Syncer, Verifier: b.cfg.Verifier, Live: b.cfg.Live, Webhooks: b.cfg.Webhooks, WebhookTokens: b.cfg.WebhookTokens})
	require.NoError(t, err)
	b.url = b.serveHandler(api, func(*http.Server) {})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- api.Run(ctx) }()
	_, taskID := b.insertStuck(alice)
	b.postWebhook(callbackOf(taskID))
	b.awaitPass(held)
	cancel()
	b.until("POSTs are refused", api.stopping)
	requireStopping(t, b.call(http.MethodPost, syncPath, token(alice), ""))
	require.Empty(t, ended, "the pass of the webhook is under way")
	close(held.release)
	require.NoError(t, <-ended)
	require.EqualValues(t, 1, held.entries.Load())
}

package api

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/live"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/migrations"
	"tasksync/syncer"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

// setupWatched is setup with another simulator, a rate limit of the adapter in calls in
// 10 s (negative: none), and a watchedSyncer.
func setupWatched(t *testing.T, cfg simulator.Config, limit int, change ...func(*Config)) (*bundle, *watchedSyncer) {
	t.Helper()
	sim := simulator.New(cfg)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	adapter, err := sunoapi.SunoAPI().New(upstream.Config{BaseURL: server.URL, APIKey: "key", Requests: limit, Window: 10 * time.Second})
	require.NoError(t, err)
	watched := &watchedSyncer{}
	watch := func(c *Config) {
		watched.Syncer = syncer.New(syncer.Config{Pool: c.Pool, Upstreams: map[string]syncer.Upstream{"": adapter}, Policy: task.DefaultPolicy(), Logger: c.Logger})
		c.Syncer = watched
	}
	b := setup(t, append([]func(*Config){watch}, change...)...)
	b.sim = sim
	return b, watched
}

// watchedSyncer counts the passes.
type watchedSyncer struct {
	Syncer
	passes atomic.Int64
}

// Sync implements Syncer.
func (s *watchedSyncer) Sync(ctx context.Context, req syncer.Request) ([]syncer.Result, error) {
	s.passes.Add(1)
	return s.Syncer.Sync(ctx, req)
}

// lock makes every query of a table wait until unlock is called or the test ends.
func (b *bundle) lock(table string) (unlock func()) {
	b.Helper()
	tx, err := b.pool.Begin(b.Context())
	require.NoError(b, err)
	unlock = sync.OnceFunc(func() { b.NoError(tx.Rollback(context.Background())) })
	b.Cleanup(unlock)
	_, err = tx.Exec(b.Context(), `LOCK TABLE `+table+` IN ACCESS EXCLUSIVE MODE`)
	require.NoError(b, err)
	return unlock
}

// TestWebhookOverflow names more tasks than are kept while none can be looked at.
func TestWebhookOverflow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, taskID := b.insertReady(alice)
	unlock := b.lock("music_generations")
	for n := 0; counterValue(t, b.reg, "tasksync_webhooks_total", "overflow") == 0; n++ {
		require.Less(t, n, 400)
		names := make([]string, 0, 100)
		for i := range 100 {
			names = append(names, fmt.Sprintf(`{"task_id":"unknown-%d-%d"}`, n, i))
		}
		b.postWebhook("[" + strings.Join(names, ",") + "]")
	}
	unlock()
	b.until("all that was kept is looked up", func() bool {
		return counterValue(t, b.reg, "tasksync_webhook_tasks_total", "unknown") >= 20_000
	})
	b.postWebhook(callbackOf(taskID))
	b.endedByWebhook(id)
}

// TestWebhookRespondsWhileTheTableIsLocked holds a lock that every query waits for.
func TestWebhookRespondsWhileTheTableIsLocked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, taskID := b.insertReady(alice)
	unlock := b.lock("music_generations")
	var slowest time.Duration
	for i := range 200 {
		began := time.Now()
		b.postWebhook(callbackOf(taskID))
		b.postWebhook(callbackOf("unknown-" + strconv.Itoa(i)))
		slowest = max(slowest, time.Since(began)/2)
	}
	t.Logf("400 webhooks, the slowest in %s", slowest)
	require.Zero(t, b.sim.Requests().Total, "the lock is still held")
	unlock()
	b.endedByWebhook(id)
}

// TestWebhookRespondsWhileTheDatabaseIsDown stops the Postgres server.
func TestWebhookRespondsWhileTheDatabaseIsDown(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	pool, err := pgxpool.New(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	m, err := migrations.Open(pool)
	require.NoError(t, err)
	_, err = m.Up(t.Context())
	require.NoError(t, err)
	require.NoError(t, m.Close())
	watched := &watchedSyncer{}
	b := setup(t, func(c *Config) {
		watched.Syncer = c.Syncer
		c.Pool, c.Syncer = pool, watched
		c.Live = live.New(live.Config{ConnConfig: pool.Config().ConnConfig})
	})
	require.NoError(t, server.Halt())
	b.postWebhook(callbackOf("a-task"))
	b.until("the look-up fails", func() bool { return strings.Contains(b.log.String(), "Rows of webhooks cannot be read") })
	b.postWebhook(callbackOf("a-task"))
	require.NoError(t, server.Resume(t.Context()))
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO music_generations (task_id, task_type) VALUES ('a-task', 'generate')`)
		return err
	}))
	b.postWebhook(callbackOf("a-task"))
	b.until("its row is looked at", func() bool { return watched.passes.Load() == 1 })
}

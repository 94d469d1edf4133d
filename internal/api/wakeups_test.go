package api

import (
	"context"
	"fmt"
	"math"
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

// setupHooks has an upstream of its own, with a limit of requests in 10 s
// (negative: none), and passes that a test may get hold of.
func setupHooks(t *testing.T, cfg simulator.Config, limit int, change ...func(*Config)) (*bundle, *watchedSyncer) {
	t.Helper()
	sim := simulator.New(cfg)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	adapter, err := sunoapi.SunoAPI().New(upstream.Config{BaseURL: server.URL, APIKey: "key", Requests: limit, Window: 10 * time.Second})
	require.NoError(t, err)
	held := &watchedSyncer{}
	hold := func(c *Config) {
		held.Syncer = syncer.New(syncer.Config{Pool: c.Pool, Upstreams: map[string]syncer.Upstream{"": adapter}, Policy: task.DefaultPolicy(), Logger: c.Logger})
		c.Syncer = held
	}
	b := setup(t, append([]func(*Config){hold}, change...)...)
	b.sim = sim
	return b, held
}

// watchedSyncer notes the passes, and lets after have their results before anybody
// else gets them.
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

// TestWakeupsLastCallIsFollowedByALook has a task that moves on while the look of
// the first call is under way. The others come within the spacing after it.
func TestWakeupsLastCallIsFollowedByALook(t *testing.T) {
	t.Parallel()
	const spacing = 700 * time.Millisecond
	var ahead atomic.Int64 // of the upstream's clock
	begun := time.Now()
	b, held := setupHooks(t, simulator.Config{Seed: 1, Now: func() time.Time { return begun.Add(time.Duration(ahead.Load())) }}, -1,
		func(c *Config) { c.WebhookSpacing = spacing })
	looked, goOn := make(chan struct{}), make(chan struct{})
	held.then(func(n int, results []syncer.Result) []syncer.Result {
		if n == 1 {
			close(looked)
			<-goOn
		}
		return results
	})
	taskID := b.sim.Submit(task.Generate, simulator.Success)
	id := b.insert(alice, task.Generate, taskID)
	record, _ := b.sim.Task(taskID)
	call := func(kind string) { b.hooked(strings.Replace(callbackOf(taskID), "complete", kind, 1)) }
	called := time.Now()
	call("text")
	<-looked
	ahead.Store(int64(record.FinalAt.Add(time.Second).Sub(begun)))
	call("first")
	call("complete")
	close(goOn)
	b.endedByWebhook(id)
	passes := held.passes()
	require.Len(t, passes, 2, "the two calls share a look")
	require.GreaterOrEqual(t, passes[1].Sub(called), spacing, "after the spacing")
}

// TestWakeupsSpacing calls about a task that does not end.
func TestWakeupsSpacing(t *testing.T) {
	t.Parallel()
	const spacing = 300 * time.Millisecond
	b, held := setupHooks(t, simulator.Config{Seed: 2, Speed: math.Inf(1)}, -1, func(c *Config) { c.WebhookSpacing = spacing })
	taskID := b.sim.Submit(task.Generate, simulator.Stuck)
	b.insert(alice, task.Generate, taskID)
	calls, began := 0, time.Now()
	for len(held.passes()) < 4 {
		b.hooked(callbackOf(taskID))
		calls++
	}
	passes := held.passes()
	for i, at := range passes {
		// Counted from the begin: a pass may set out late, and the next one on time.
		require.GreaterOrEqual(t, at.Sub(began), time.Duration(i)*spacing)
	}
	t.Logf("%d calls, %d looks", calls, len(passes))
}

// TestWakeupsUnanswered has an upstream that answers late, or not at all.
func TestWakeupsUnanswered(t *testing.T) {
	t.Parallel()
	b, held := setupHooks(t, simulator.Config{Seed: 3, Speed: math.Inf(1)}, -1, func(c *Config) { c.WebhookSpacing = 50 * time.Millisecond })
	var mute atomic.Bool
	mute.Store(true)
	held.then(func(_ int, results []syncer.Result) []syncer.Result {
		for i := range results {
			if mute.Load() {
				results[i] = syncer.Result{ID: results[i].ID, Outcome: task.OutcomeSkipped, Reason: task.ReasonNotReported}
			}
		}
		return results
	})
	taskID := b.sim.Submit(task.Generate, simulator.Stuck)
	b.insert(alice, task.Generate, taskID)
	b.hooked(callbackOf(taskID))
	b.became("unanswered", wakeupTries)
	b.until("it is left to its job", func() bool {
		b.api.webhooks.mu.Lock()
		defer b.api.webhooks.mu.Unlock()
		return len(b.api.webhooks.due) == 0
	})
	mute.Store(false)
	b.hooked(callbackOf(taskID))
	b.became("looked_at", 1)
	require.Len(t, held.passes(), wakeupTries+1)
}

// lock has every query of a table wait until unlock is called or the test ends.
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

// TestWakeupsOverflow names more tasks than are kept while none can be looked at.
func TestWakeupsOverflow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, taskID := b.ready(alice)
	unlock := b.lock("music_generations")
	kept := 0
	for n := 0; counted(t, b.reg, "tasksync_webhooks_total", "overflow") == 0; n++ {
		require.Less(t, n, 400)
		names := make([]string, 0, 100)
		for i := range 100 {
			names = append(names, fmt.Sprintf(`{"task_id":"unknown-%d-%d"}`, n, i))
		}
		b.hooked("[" + strings.Join(names, ",") + "]")
		kept += len(names)
	}
	b.api.webhooks.mu.Lock()
	waiting := len(b.api.webhooks.due)
	b.api.webhooks.mu.Unlock()
	require.LessOrEqual(t, waiting, maxWakeups)
	require.Greater(t, kept, maxWakeups)
	unlock()
	b.until("all that was kept is looked up", func() bool {
		return counted(t, b.reg, "tasksync_webhook_tasks_total", "unknown") >= maxWakeups
	})
	b.api.webhooks.mu.Lock()
	remembered := len(b.api.webhooks.looked)
	b.api.webhooks.mu.Unlock()
	require.LessOrEqual(t, remembered, (wakeupPasses+1)*wakeupCohort, "of what is unknown nothing is kept")
	b.hooked(callbackOf(taskID))
	b.endedByWebhook(id)
}

// TestWebhookAnswersWhileTheTableIsLocked holds a lock that every query waits for.
func TestWebhookAnswersWhileTheTableIsLocked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, taskID := b.ready(alice)
	unlock := b.lock("music_generations")
	var slowest time.Duration
	for i := range 200 {
		began := time.Now()
		b.hooked(callbackOf(taskID))
		b.hooked(callbackOf("unknown-" + strconv.Itoa(i)))
		slowest = max(slowest, time.Since(began)/2)
	}
	t.Logf("400 webhooks, the slowest in %s", slowest)
	require.Zero(t, b.sim.Requests().Total, "the lock is still held")
	unlock()
	b.endedByWebhook(id)
}

// TestWebhookAnswersWhileTheDatabaseIsDown has a server that is not there.
func TestWebhookAnswersWhileTheDatabaseIsDown(t *testing.T) {
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
	held := &watchedSyncer{}
	b := setup(t, func(c *Config) {
		held.Syncer = c.Syncer
		c.Pool, c.Syncer = pool, held
		c.Live = live.New(live.Config{ConnConfig: pool.Config().ConnConfig})
	})
	require.NoError(t, server.Halt())
	b.hooked(callbackOf("a-task"))
	b.until("the look-up fails", func() bool { return strings.Contains(b.log.String(), "Rows of webhooks cannot be read") })
	b.hooked(callbackOf("a-task"))
	require.NoError(t, server.Resume(t.Context()))
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO music_generations (task_id, task_type) VALUES ('a-task', 'generate')`)
		return err
	}))
	b.hooked(callbackOf("a-task"))
	b.until("its row is looked at", func() bool { return len(held.passes()) == 1 })
}

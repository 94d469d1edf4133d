package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tasksync/internal/simulator"
	"tasksync/syncer"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

// stuck makes a task that does not end, and its row.
func (b *bundle) stuck(user string) (id, taskID string) {
	b.Helper()
	taskID = b.sim.Submit(task.Generate, simulator.Stuck)
	return b.insert(user, task.Generate, taskID), taskID
}

// TestPostSparesWhatWasLookedAt: whoever it was that has looked.
func TestPostSparesWhatWasLookedAt(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Spacing = time.Hour })
	polled, _ := b.stuck(alice)
	_, err := b.cfg.Syncer.Sync(t.Context(), syncer.Request{IDs: []string{polled}})
	require.NoError(t, err)
	_, called := b.stuck(alice)
	b.hooked(callbackOf(called))
	b.became("looked_at", 1)
	require.EqualValues(t, 2, b.sim.Requests().Total)

	_, fresh := b.stuck(alice)
	for range 20 {
		r := b.post(alice, "")
		require.Len(t, r.Generations, 3, "what is spared is returned as it is")
		_ = b.post(alice, taskIDs(called, fresh))
	}
	require.EqualValues(t, 3, b.sim.Requests().Total, "the new row was looked at once, the others not again")
	require.Zero(t, *b.post(alice, "").SyncedCount, "what is spared is not synced")
}

// TestPostAfterTheSpacing asks again.
func TestPostAfterTheSpacing(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Spacing = time.Nanosecond })
	b.stuck(alice)
	for n := range 3 {
		b.post(alice, "")
		require.EqualValues(t, n+1, b.sim.Requests().Total)
	}
}

// TestWebhookIsNotSpared: what was seen before a call says nothing of what it
// tells.
func TestWebhookIsNotSpared(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Spacing, c.WebhookSpacing = time.Hour, time.Hour })
	_, taskID := b.stuck(alice)
	b.post(alice, "")
	b.hooked(callbackOf(taskID))
	b.became("looked_at", 1)
	require.EqualValues(t, 2, b.sim.Requests().Total)
}

// TestGreedyUser has one who never stops to ask for a hundred rows, while others
// have new ones. The upstream is sunoapi with its twenty requests, in a window that
// does not end in the test, so that what one has taken is not there for another.
func TestGreedyUser(t *testing.T) {
	t.Parallel()
	const limit = 20
	sim := simulator.New(simulator.Config{Seed: 31, RateLimit: limit, RateWindow: time.Hour})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	adapter, err := sunoapi.SunoAPI().New(upstream.Config{BaseURL: server.URL, APIKey: "key", Requests: limit, Window: time.Hour})
	require.NoError(t, err)
	b := setup(t, func(c *Config) {
		c.UserAtOnce = 0 // the default
		c.Syncer = syncer.New(syncer.Config{Pool: c.Pool, Upstreams: map[string]syncer.Upstream{"": adapter}, Policy: task.DefaultPolicy()})
	})
	b.sim = sim
	for range maxRows {
		b.stuck(alice)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var greedy errgroup.Group
	for range 4 {
		greedy.Go(func() error {
			for ctx.Err() == nil {
				a, err := b.try(http.MethodPost, syncPath, token(alice), "")
				if err != nil || a.status != http.StatusOK && a.status != http.StatusTooManyRequests {
					b.Errorf("%d %s %v", a.status, a.body, err)
					return err
				}
			}
			return nil
		})
	}
	b.until("half of the window is hers", func() bool { return sim.Requests().Total == limit/2 })
	posts := counted(t, b.reg, "tasksync_http_requests_total", "POST "+syncPath)
	for range limit / 2 {
		id := b.insert(bob, task.Generate, sim.Submit(task.Generate, simulator.Stuck))
		looked, err := b.cfg.Syncer.Sync(t.Context(), syncer.Request{IDs: []string{id}, First: true})
		require.NoError(t, err)
		require.Equal(t, task.OutcomeSynced, looked[0].Outcome, "a new row has its look at once: %+v", looked[0])
	}
	cancel()
	require.NoError(t, greedy.Wait())
	require.EqualValues(t, limit, sim.Requests().Total)
	require.Zero(t, sim.Requests().Code(430), "the upstream has refused none")
	t.Logf("%d POSTs before, of a hundred rows each: %d requests", posts, limit/2)
}

// TestUserAtOnce: one who has two requests under way is told to wait, others are
// let in. A request is under way as long as its pass, though its client has gone.
func TestUserAtOnce(t *testing.T) {
	t.Parallel()
	held := &heldSyncer{}
	b := setup(t, holding(held), func(c *Config) { c.UserAtOnce = 0 })
	_, _ = b.ready(alice)
	_, other := b.ready(alice)
	_, _ = b.ready(bob)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 2)
	for _, body := range []string{"", taskIDs(other)} {
		go func() {
			_, err := send(ctx, request{http.MethodPost, b.url + syncPath, body, http.Header{"Authorization": {"Bearer " + token(alice)}, "Content-Type": {"application/json"}}})
			gone <- err
		}()
		b.await(held)
	}
	refused := func() {
		t.Helper()
		a := b.call(http.MethodPost, syncPath, token(alice), "")
		require.Equal(t, http.StatusTooManyRequests, a.status, a.body)
		require.Equal(t, "1", a.header.Get("Retry-After"))
		require.NotEmpty(t, a.detail(t))
	}
	refused()
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	require.ErrorIs(t, <-gone, context.Canceled)
	b.until("the server knows", func() bool { return counted(t, b.reg, "tasksync_http_requests_total", "503") == 2 })
	refused()
	require.Len(t, b.api.syncs, 2)
	require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, token(alice), "").status, "who may read")
	var another sync.WaitGroup
	another.Go(func() {
		a, err := b.try(http.MethodPost, syncPath, token(bob), "")
		b.NoError(err)
		if a.status != http.StatusOK {
			b.Errorf("%d %s", a.status, a.body)
		}
	})
	b.await(held)
	close(held.release)
	another.Wait()
	b.until("the passes end, and give their shares back", func() bool {
		b.api.shares.mu.Lock()
		defer b.api.shares.mu.Unlock()
		return len(b.api.syncs)+len(b.api.shares.users) == 0
	})
	require.Equal(t, http.StatusOK, b.call(http.MethodPost, syncPath, token(alice), "").status)
}

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

// insertStuck makes a task that does not end, and its row.
func (b *bundle) insertStuck(user string) (id, taskID string) {
	b.Helper()
	taskID = b.sim.Submit(task.Generate, simulator.Stuck)
	return b.insert(user, task.Generate, taskID), taskID
}

// TestPostSparesWhatWasLookedAt: a POST spares rows after a look by any pass.
func TestPostSparesWhatWasLookedAt(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Spacing = time.Hour })
	polled, _ := b.insertStuck(alice)
	_, err := b.cfg.Syncer.Sync(t.Context(), syncer.Request{IDs: []string{polled}})
	require.NoError(t, err)
	_, called := b.insertStuck(alice)
	b.postWebhook(callbackOf(called))
	b.awaitResult("looked_at", 1)
	require.EqualValues(t, 2, b.sim.Requests().Total)

	_, fresh := b.insertStuck(alice)
	for range 20 {
		r := b.post(alice, "")
		require.Len(t, r.Generations, 3, "what is spared is returned as it is")
		_ = b.post(alice, taskIDs(called, fresh))
	}
	require.EqualValues(t, 3, b.sim.Requests().Total, "the new row was looked at once, the others not again")
	require.Zero(t, *b.post(alice, "").SyncedCount, "what is spared is not synced")
}

// TestPostAfterTheSpacing: after the spacing, a POST looks again.
func TestPostAfterTheSpacing(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Spacing = time.Nanosecond })
	b.insertStuck(alice)
	for n := range 3 {
		b.post(alice, "")
		require.EqualValues(t, n+1, b.sim.Requests().Total)
	}
}

// TestWebhookIsNotSpared: a webhook is news about the task, so the look before it does
// not count.
func TestWebhookIsNotSpared(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Spacing, c.WebhookSpacing = time.Hour, time.Hour })
	_, taskID := b.insertStuck(alice)
	b.post(alice, "")
	b.postWebhook(callbackOf(taskID))
	b.awaitResult("looked_at", 1)
	require.EqualValues(t, 2, b.sim.Requests().Total)
}

// TestGreedyUser has a user who sends POSTs for a hundred rows without pause, while
// another user has new rows. The provider allows twenty calls in a window that does not
// end in the test, so that a call for one user is not there for the other.
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
		b.insertStuck(alice)
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
	posts := counterValue(t, b.reg, "tasksync_http_requests_total", "POST "+syncPath)
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

// TestUserAtOnce: a user with two POSTs under way gets 429, other users do not. A POST
// counts until its pass ends, even if its client has disconnected.
func TestUserAtOnce(t *testing.T) {
	t.Parallel()
	held := &heldSyncer{}
	b := setup(t, holdPasses(held), func(c *Config) { c.UserAtOnce = 0 })
	_, _ = b.insertReady(alice)
	_, other := b.insertReady(alice)
	_, _ = b.insertReady(bob)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 2)
	for _, body := range []string{"", taskIDs(other)} {
		go func() {
			_, err := send(ctx, request{http.MethodPost, b.url + syncPath, body, http.Header{"Authorization": {"Bearer " + token(alice)}, "Content-Type": {"application/json"}}})
			gone <- err
		}()
		b.awaitPass(held)
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
	b.until("the server knows", func() bool { return counterValue(t, b.reg, "tasksync_http_requests_total", "503") == 2 })
	refused()
	require.Len(t, b.api.syncs, 2)
	require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, token(alice), "").status, "reading is not limited")
	var another sync.WaitGroup
	another.Go(func() {
		a, err := b.try(http.MethodPost, syncPath, token(bob), "")
		b.NoError(err)
		if a.status != http.StatusOK {
			b.Errorf("%d %s", a.status, a.body)
		}
	})
	b.awaitPass(held)
	close(held.release)
	another.Wait()
	b.until("the passes end, and give their shares back", func() bool {
		b.api.userGate.mu.Lock()
		defer b.api.userGate.mu.Unlock()
		return len(b.api.syncs)+len(b.api.userGate.users) == 0
	})
	require.Equal(t, http.StatusOK, b.call(http.MethodPost, syncPath, token(alice), "").status)
}

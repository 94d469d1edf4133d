package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/live"
)

// news is the response to a GET with wait.
type news struct {
	rows
	LastEventID string `json:"last_event_id"`
	Reset       bool
}

// awaitNews sends a GET that waits.
func (b *bundle) awaitNews(base, bearer, wait, since string) news {
	b.Helper()
	a := b.callAt(base, syncPath+"?wait="+wait+"&last_event_id="+url.QueryEscape(since), bearer)
	require.Equal(b, http.StatusOK, a.status, a.body)
	var n news
	a.decode(b, &n)
	require.NotEmpty(b, n.LastEventID, a.body)
	require.Len(b, n.Generations, *n.Count)
	return n
}

func (b *bundle) callAt(base, path, bearer string) response {
	b.Helper()
	local := *b
	local.url = base
	return local.call(http.MethodGet, path, bearer, "")
}

// TestWaitEndsWithAChange: with the row as it is, also if it has ended, and only with rows
// of the user's.
func TestWaitEndsWithAChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// The server gives each request less time than the wait.
	s := b.start(func(server *http.Server, _ *Config, _ *live.Config) {
		server.ReadTimeout, server.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	})
	got := make(chan news, 1)
	go func() { got <- b.awaitNews(s.url, token(alice), "60s", "") }()
	b.until("it waits", func() bool { return b.metric(s, "tasksync_event_subscribers") == 1 })
	b.insertReady(bob)
	b.post(bob, "")
	require.Never(t, func() bool { return len(got) > 0 }, time.Second, 50*time.Millisecond, "another user's change, and the server's deadlines, end nothing")
	id, _ := b.insertReady(alice)
	b.post(alice, "")
	n := <-got
	require.Len(t, n.Generations, 1)
	require.Equal(t, []string{id, "complete"}, []string{n.Generations[0].ID, n.Generations[0].Status})
	require.Len(t, n.Generations[0].Clips, 2)
	b.until("its place is free", func() bool { return b.metric(s, "tasksync_event_subscribers") == 0 })
	require.Equal(t, 1, counterValue(b, s.reg, "tasksync_http_requests_total", "GET /api/music/v2/sync?wait", "200"))
}

// TestWaitEndsWithItsTime: without a change there are no rows and an id to go on from.
func TestWaitEndsWithItsTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insert(alice, "generate", "pending")
	n := b.awaitNews(b.url, token(alice), "0s", "")
	require.Empty(t, n.Generations, "pending rows are no change")
	began := time.Now()
	again := b.awaitNews(b.url, token(alice), "1", n.LastEventID)
	require.GreaterOrEqual(t, time.Since(began), 900*time.Millisecond)
	require.Empty(t, again.Generations)
	require.False(t, again.Reset)

	missed := b.insert(alice, "generate", "another")
	b.insertEvent(alice, missed)
	n = b.awaitNews(b.url, token(alice), "60s", again.LastEventID)
	require.Equal(t, missed, n.Generations[0].ID, "it came between two requests")
	n = b.awaitNews(b.url, token(alice), "0s", again.LastEventID+"/"+strings.Repeat("A", 26))
	require.Equal(t, missed, n.Generations[0].ID, "the id of a stream with a key is one too")

	ends := time.Now().Add(2 * time.Second).Truncate(time.Second)
	b.awaitNews(b.url, token(alice, func(c jwt.MapClaims) { c["exp"] = ends.Unix() }), "60s", n.LastEventID)
	require.Less(t, time.Since(ends), 30*time.Second, "it ends with the token")
}

func TestWaitIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, wait := range []string{"x", "-1s", "1", "60s", "1h"} {
		status := http.StatusUnauthorized
		require.Equal(t, status, b.call(http.MethodGet, syncPath+"?wait="+wait, "", "").status)
	}
	for _, wait := range []string{"x", "-1s", "-1", "NaN", "1e3", "60 s", "99999999999999999999", strings.Repeat("1", 40)} {
		a := b.call(http.MethodGet, syncPath+"?wait="+url.QueryEscape(wait), token(alice), "")
		require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %s", wait, a.body)
	}
	require.Equal(t, http.StatusForbidden, b.call(http.MethodGet, syncPath+"?wait=1s&user_id="+bob, token(alice), "").status)
	service := token("", func(c jwt.MapClaims) { c["role"] = "service_role"; delete(c, "sub") })
	require.Equal(t, http.StatusUnprocessableEntity, b.call(http.MethodGet, syncPath+"?wait=1s", service, "").status)
	require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath+"?wait=0s&user_id="+bob, service, "").status)
	for _, id := range []string{"garbage", "999999999999:999999999999:", "4294967296:4294967296:"} {
		require.True(t, b.awaitNews(b.url, token(alice), "60s", id).Reset, "%s: an id of no use says so at once", id)
	}
	for wait, most := range map[string]time.Duration{"0s": 0, "0": 0, "2h": time.Minute, "90": time.Minute, "1m": time.Minute, "1500ms": 1500 * time.Millisecond} {
		for range 100 {
			d, err := parseWait(wait)
			require.NoError(t, err)
			require.LessOrEqual(t, d, most)
			require.GreaterOrEqual(t, d, most-most/earlier)
		}
	}
}

// TestWaitsEndWithTheDaemon: a load balancer sees no error.
func TestWaitsEndWithTheDaemon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.start(nil)
	since := b.awaitNews(s.url, token(alice), "0s", "").LastEventID
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			n := b.awaitNews(s.url, token(alice), "60s", since)
			if len(n.Generations) > 0 || n.Reset {
				b.Errorf("%+v", n)
			}
		})
	}
	b.until("they wait", func() bool { return b.metric(s, "tasksync_event_subscribers") == 20 })
	s.end()
	all.Wait()
	missed := b.insertEvent(alice, b.insert(alice, "generate", "later"))
	require.NotZero(t, missed)
	require.Len(t, b.awaitNews(b.url, token(alice), "60s", since).Generations, 1, "another daemon goes on")
}

// TestWaitsAreBounded: with the streams of the user.
func TestWaitsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.start(func(_ *http.Server, _ *Config, l *live.Config) { l.MaxPerUser = 2 })
	stream := b.openStream(s.url, alice)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+syncPath+"?wait=60s", http.NoBody)
		b.NoError(err)
		req.Header.Set("Authorization", "Bearer "+token(alice))
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		left <- err
	}()
	b.until("it waits", func() bool { return b.metric(s, "tasksync_event_subscribers") == 2 })
	a := b.callAt(s.url, syncPath+"?wait=60s", token(alice))
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	b.awaitNews(s.url, token(bob), "0s", "")
	cancel()
	require.Error(t, <-left)
	b.until("a client that has gone waits no more", func() bool { return b.metric(s, "tasksync_event_subscribers") == 1 })
	stream.close()
	limited := b.start(func(_ *http.Server, c *Config, _ *live.Config) { c.UserRate, c.UserBurst = 0.0001, 1 })
	var refused response
	b.until("the user's quota ends", func() bool {
		refused = b.callAt(limited.url, syncPath+"?wait=0s", token(alice))
		return refused.status == http.StatusTooManyRequests
	})
	require.Contains(t, refused.header.Get("RateLimit"), `"read";r=0`)
}

// TestWaitsCostNoQuery: requests that wait share the steps of the streams.
func TestWaitsCostNoQuery(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var all sync.WaitGroup
	const waiting = 60
	before := b.pool.Stat().AcquireCount()
	var answered atomic.Int64
	for i := range waiting {
		all.Go(func() {
			user := fmt.Sprintf("a11ce000-0000-4000-8000-%012d", i%20)
			b.awaitNews(b.url, token(user), "2s", "")
			answered.Add(1)
		})
	}
	all.Wait()
	require.EqualValues(t, waiting, answered.Load())
	require.Equal(t, before, b.pool.Stat().AcquireCount(), "the pool is not asked")
}

// TestWaitMissesNothing: writers commit in another order than they write, and requests come
// at random, wait for random times, and break off at random.
func TestWaitMissesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	since := b.awaitNews(b.url, token(alice), "0s", "").LastEventID
	const writers, each = 4, 25
	var all sync.WaitGroup
	var writing atomic.Int64
	writing.Store(writers)
	for w := range writers {
		all.Go(func() {
			defer writing.Add(-1)
			r := rand.New(rand.NewPCG(seed, uint64(w))) //nolint:gosec // a seed that can be repeated
			for i := range each {
				b.NoError(b.writeSlowly(r, fmt.Sprintf("%d-%d", w, i)))
			}
		})
	}
	seen := make(map[string]bool)
	r := rand.New(rand.NewPCG(seed, writers)) //nolint:gosec // as above
	for done := false; !done; {
		done = writing.Load() == 0 // what has committed by now comes with the next request
		n, ok := b.tryNews(since, time.Duration(r.IntN(200))*time.Millisecond, time.Duration(r.IntN(400))*time.Millisecond)
		if done = done && ok && len(n.Generations) == 0; !ok {
			continue
		}
		require.False(t, n.Reset)
		for _, g := range n.Generations {
			seen[g.TaskID] = true
		}
		since = n.LastEventID
	}
	all.Wait()
	require.Len(t, seen, writers*each)
}

// writeSlowly inserts a row and its event in a transaction that stays open for a while.
func (b *bundle) writeSlowly(r *rand.Rand, taskID string) error {
	tx, err := b.pool.Begin(b.Context())
	if err != nil {
		return err
	}
	defer tx.Rollback(b.Context()) //nolint:errcheck // after Commit it does nothing
	var id string
	if err := tx.QueryRow(b.Context(), `INSERT INTO music_generations (user_id, task_id, task_type) VALUES ($1, $2, 'generate') RETURNING id`, alice, taskID).Scan(&id); err != nil {
		return err
	}
	if _, err := tx.Exec(b.Context(), insertEventSQL, id, alice); err != nil {
		return err
	}
	if _, err := tx.Exec(b.Context(), `SELECT pg_sleep($1)`, float64(r.IntN(30))/1000); err != nil {
		return err
	}
	if err := tx.Commit(b.Context()); err != nil {
		return err
	}
	b.announcer.Announce()
	return nil
}

// tryNews sends a request that waits, and gives it up after patience.
func (b *bundle) tryNews(since string, wait, patience time.Duration) (n news, ok bool) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), wait+patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+syncPath+"?wait="+wait.String(), http.NoBody)
	require.NoError(b, err)
	req.Header.Set("Authorization", "Bearer "+token(alice))
	req.Header.Set("Last-Event-ID", since)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return news{}, false
	}
	defer resp.Body.Close()
	require.Equal(b, http.StatusOK, resp.StatusCode)
	return n, decodeAll(resp, &n)
}

func decodeAll(resp *http.Response, v any) bool { return json.NewDecoder(resp.Body).Decode(v) == nil }

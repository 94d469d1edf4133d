package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/migrations"
)

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bodyOf := func(size int) string {
		body := `{"taskIds":["unknown"],"more":"`
		return body + strings.Repeat("x", size-len(body)-2) + `"}`
	}
	for size, want := range map[int]int{maxBody: 200, maxBody + 1: 413, 10 * maxBody: 413} {
		a := b.call(http.MethodPost, syncPath, token(alice), bodyOf(size))
		require.Equal(t, want, a.status, "%d bytes: %.200s", size, a.body)
		if want == http.StatusRequestEntityTooLarge {
			require.Equal(t, "the body is too large", a.detail(t))
		}
		chunked, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+syncPath, struct{ *strings.Reader }{strings.NewReader(bodyOf(size))})
		require.NoError(t, err)
		chunked.Header.Set("Authorization", "Bearer "+token(alice))
		resp, err := plainClient.Do(chunked)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode, "without a Content-Length")
	}
}

func TestTaskLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, taskID := b.insertReady(alice)
	ids := []string{taskID}
	for len(ids) < 100 {
		ids = append(ids, fmt.Sprint("unknown-", len(ids)))
	}
	many := taskIDs(append(ids, "another")...)
	for _, body := range []string{many, strings.Replace(many, "taskIds", "TASKIDS", 1)} {
		a := b.call(http.MethodPost, syncPath, token(alice), body)
		require.Equal(t, http.StatusUnprocessableEntity, a.status)
		require.NotEmpty(t, a.detail(t))
		require.Contains(t, a.body, `"location":"body.taskIds"`)
		require.NotContains(t, a.body, "unknown-7", "the response does not repeat the body")
	}
	require.Zero(t, b.sim.Requests().Total)
	require.Len(t, b.post(alice, taskIDs(ids...)).Generations, 1)
}

func TestHeaderLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.ask(http.MethodGet, syncPath, "", "Authorization", "Bearer "+strings.Repeat("x", 100_000))
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, a.status)
	a = b.ask(http.MethodGet, syncPath, "", "Authorization", "Bearer "+strings.Repeat("x", 10_000))
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.NotContains(t, a.body, "xxx")
}

// TestUserLimit: the limit of POSTs is for POSTs only, and for each user.
func TestUserLimit(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	b := setup(t, func(c *Config) {
		c.UserRate, c.UserBurst = 0.25, 3
		c.Now = func() time.Time { return time.Unix(0, clock.Load()) }
	})
	status := func(method, user string) response { return b.call(method, syncPath, token(user), "") }
	for range 3 {
		require.Equal(t, http.StatusOK, status(http.MethodPost, alice).status)
	}
	for range 3 {
		a := status(http.MethodPost, alice)
		require.Equal(t, http.StatusTooManyRequests, a.status)
		require.Equal(t, "4", a.header.Get("Retry-After"), "a refused request takes nothing")
		require.Contains(t, a.detail(t), "try again in 4 s")
	}
	require.Equal(t, http.StatusTooManyRequests, b.call(http.MethodPost, syncPath, token(strings.ToUpper(alice)), "").status, "the same user")
	require.Equal(t, http.StatusOK, status(http.MethodPost, bob).status, "not another")
	require.Equal(t, http.StatusOK, status(http.MethodGet, alice).status, "reading has a limit of its own")
	require.Equal(t, `"post";q=3;w=12`, status(http.MethodPost, alice).header.Get("RateLimit-Policy"))
	require.Equal(t, `"post";r=0;t=4`, status(http.MethodPost, alice).header.Get("RateLimit"))
	require.Equal(t, `"post";r=1;t=4`, status(http.MethodPost, bob).header.Get("RateLimit"))
	clock.Add(int64(3999 * time.Millisecond))
	require.Equal(t, "1", status(http.MethodPost, alice).header.Get("Retry-After"))
	clock.Add(int64(time.Millisecond))
	require.Equal(t, http.StatusOK, status(http.MethodPost, alice).status)
	require.Equal(t, http.StatusTooManyRequests, status(http.MethodPost, alice).status)
}

// TestReaderLimit: a user who reads too often is told when to come back; others read on.
func TestReaderLimit(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := setup(t, func(c *Config) {
		c.UserRate, c.UserBurst, c.UserAtOnce = 0.05, 2, 2
		c.Now = func() time.Time { return now }
	})
	read := func(user string) response { return b.call(http.MethodGet, syncPath, token(user), "") }
	for n := range 10 {
		a := read(alice)
		require.Equal(t, http.StatusOK, a.status)
		require.Equal(t, fmt.Sprintf(`"read";r=%d;t=4`, 9-n), a.header.Get("RateLimit"))
		require.Equal(t, `"read";q=10;w=40`, a.header.Get("RateLimit-Policy"))
	}
	a := read(alice)
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.Equal(t, "4", a.header.Get("Retry-After"))
	require.Equal(t, `"read";r=0;t=4`, a.header.Get("RateLimit"))
	require.Equal(t, http.StatusOK, read(bob).status)
	require.Equal(t, http.StatusOK, b.call(http.MethodPost, syncPath, token(alice), "").status)
}

// TestReadersLeaveRoom: reading requests of one user, however many come at once and
// however long they take, leave a place for other users and most of the pool for the jobs.
func TestReadersLeaveRoom(t *testing.T) {
	t.Parallel()
	var pool *pgxpool.Pool
	b := setup(t, func(c *Config) {
		pool = newPool(t, c.Pool.Config(), 6)
		c.UserAtOnce, c.Pool = 2, pool
	})
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE music_generations IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	var wg sync.WaitGroup
	codes := make(chan int, 100)
	read := func(user string) {
		a, err := b.try(http.MethodGet, syncPath, token(user), "")
		b.NoError(err)
		codes <- a.status
	}
	for range 64 {
		wg.Go(func() { read(alice) })
	}
	b.until("the others give up", func() bool { return len(codes) == 62 })
	require.EqualValues(t, 2, pool.Stat().AcquiredConns())
	for range 62 {
		require.Equal(t, http.StatusTooManyRequests, <-codes)
	}
	wg.Go(func() { read(bob) })
	wg.Go(func() { read(crowdUser(1)) })
	b.until("another user's request is served", func() bool { return pool.Stat().AcquiredConns() == 3 })
	require.NoError(t, pool.Ping(t.Context()))
	require.NoError(t, tx.Rollback(t.Context()))
	wg.Wait()
	b.api.readQueue.mu.Lock()
	defer b.api.readQueue.mu.Unlock()
	require.Empty(t, b.api.readQueue.users)
}

// newPool returns a pool of that size.
func newPool(t *testing.T, cfg *pgxpool.Config, size int32) *pgxpool.Pool {
	t.Helper()
	cfg.MaxConns = size
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// TestManyUsers: the number of buckets is bounded.
func TestManyUsers(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := newLimiter("test", 1, 1, func() time.Time { return now })
	for i := range 3 * maxUsers {
		require.NoError(t, l.take(t.Context(), fmt.Sprint(i)))
		require.LessOrEqual(t, len(l.users), maxUsers)
	}
	require.Error(t, l.take(t.Context(), fmt.Sprint(3*maxUsers-1)))
	now = now.Add(time.Minute)
	for i := range maxUsers {
		require.NoError(t, l.take(t.Context(), fmt.Sprint("later-", i)))
	}
	require.LessOrEqual(t, len(l.users), maxUsers)
}

// TestConcurrencyLimit: a POST that finds no place gets an error soon, and reading
// requests are not affected.
func TestConcurrencyLimit(t *testing.T) {
	t.Parallel()
	held := &heldSyncer{}
	b := setup(t, holdPasses(held))
	_, _ = b.insertReady(alice)
	var wg sync.WaitGroup
	for range maxSyncs {
		wg.Go(func() {
			a, err := b.try(http.MethodPost, syncPath, token(alice), "")
			b.NoError(err)
			if a.status != http.StatusOK {
				b.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	b.until("all places are taken", func() bool { return len(b.api.syncs) == maxSyncs })
	a := b.call(http.MethodPost, syncPath, token(bob), "")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.Contains(t, a.detail(t), "too many requests at once")
	require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, token(bob), "").status)
	close(held.release)
	wg.Wait()
	require.Equal(t, http.StatusOK, b.call(http.MethodPost, syncPath, token(bob), "").status)
}

func TestReadersAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE music_generations IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	var wg sync.WaitGroup
	var away atomic.Int64
	for range cap(b.api.reads) {
		wg.Go(func() {
			a, err := b.try(http.MethodGet, syncPath, token(alice), "")
			b.NoError(err)
			if a.status == http.StatusServiceUnavailable {
				away.Add(1)
			}
		})
	}
	b.until("all places are taken", func() bool { return len(b.api.reads) == cap(b.api.reads) })
	a := b.call(http.MethodGet, syncPath, token(bob), "")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	wg.Wait()
	require.EqualValues(t, cap(b.api.reads), away.Load(), "a database that does not answer is waited for in vain, but not for long")
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, token(bob), "").status)
}

// TestStopping: a late POST gets an error before any call is made.
func TestStopping(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.insertReady(alice)
	cfg := b.cfg
	cfg.Registerer = nil
	stopped, err := New(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, stopped.Run(ctx))
	b.url = b.serveHandler(stopped, func(*http.Server) {})
	a := b.call(http.MethodPost, syncPath, token(alice), "")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Contains(t, a.detail(t), "stopping")
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Zero(t, b.sim.Requests().Total)
	require.Equal(t, "submitted", b.status(id))
	require.NotContains(t, b.log.String(), "level=ERROR")
}

// ownDatabase starts a Postgres server for one test, and makes an API use it.
func ownDatabase(t *testing.T) (*postgres.Server, func(*Config)) {
	t.Helper()
	server := postgrestest.Server(t)
	pool, err := pgxpool.New(context.Background(), server.URL())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	m, err := migrations.Open(pool)
	require.NoError(t, err)
	_, err = m.Up(t.Context())
	require.NoError(t, err)
	require.NoError(t, m.Close())
	return server, func(c *Config) { c.Pool = pool }
}

// TestDatabaseAway: while the database is away, requests get 503 and Retry-After.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	server, change := ownDatabase(t)
	b := setup(t, change)
	require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, token(alice), "").status)

	tx, err := b.cfg.Pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE music_generations IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	surprised := make(chan response, 1)
	go func() {
		a, err := b.try(http.MethodGet, syncPath, token(alice), "")
		b.NoError(err)
		surprised <- a
	}()
	b.until("a query is under way", func() bool { return len(b.api.reads) == 1 && b.cfg.Pool.Stat().AcquiredConns() == 2 })
	require.NoError(t, server.Halt())
	_ = tx.Rollback(t.Context())
	requireAway(t, <-surprised)
	for range 3 {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			requireAway(t, b.call(method, syncPath, token(alice), ""))
		}
		requireAway(t, b.call(http.MethodPost, syncPath+"/events/ticket", token(alice), ""))
	}
	require.NotContains(t, b.log.String(), "panic")
	require.NoError(t, server.Resume(t.Context()))
	b.until("it is back", func() bool { return b.call(http.MethodGet, syncPath, token(alice), "").status == http.StatusOK })
}

func requireAway(t *testing.T, a response) {
	t.Helper()
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.body)
	require.Equal(t, "the database does not answer: try again", a.detail(t))
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.NotContains(t, a.body, "127.0.0.1")
}

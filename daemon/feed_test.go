package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// handed stands for the jobs: it notes what it is given.
type handed struct {
	mu     sync.Mutex
	calls  [][]string
	swept  [][]string
	refuse int // so many calls fail

	find    func(ctx context.Context) ([]string, error) // what a sweep finds
	entered chan []string                               // if set, told of each HandOn,
	release chan struct{}                               // which then waits for this
}

func (h *handed) HandOn(_ context.Context, ids []string) error {
	if h.entered != nil {
		h.entered <- ids
		<-h.release
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse > 0 {
		h.refuse--
		return errors.New("the database is away")
	}
	h.calls = append(h.calls, ids)
	return nil
}

func (h *handed) Sweep(ctx context.Context, _ time.Duration) ([]string, error) {
	var ids []string
	if h.find != nil {
		var err error
		if ids, err = h.find(ctx); err != nil {
			return nil, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.swept = append(h.swept, ids)
	return ids, nil
}

func (h *handed) seen() map[string]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]bool{}
	for _, ids := range slices.Concat(h.calls, h.swept) {
		for _, id := range ids {
			seen[id] = true
		}
	}
	return seen
}

func (h *handed) sweeps() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.swept)
}

// beat is shorter than the daemon's own heartbeat; TestSilentDatabase has that.
const beat = 500 * time.Millisecond

// listen runs a feed on a database until the test ends, and tells of its states.
func (b *bundle) listen(database string, to handOn) <-chan string {
	b.Helper()
	cfg, err := pgx.ParseConfig(database)
	require.NoError(b, err)
	cfg.RuntimeParams["application_name"] = "tasksync feed"
	states := make(chan string, 100)
	c := newCollector(to, slog.New(slog.NewTextHandler(b.log, nil)))
	f := &notifyFeed{
		connConfig: cfg, collector: c, logger: c.logger, metrics: newFeedMetrics(prometheus.NewRegistry()),
		state: func(reason string) { states <- reason }, heartbeat: beat,
	}
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{c.run, f.run} {
		parts.Go(func() {
			if err := run(ctx); err != nil {
				b.Error(err)
			}
		})
	}
	b.Cleanup(func() {
		cancel()
		parts.Wait()
	})
	return states
}

func (b *bundle) await(states <-chan string) string {
	b.Helper()
	select {
	case s := <-states:
		return s
	case <-time.After(20 * time.Second):
		require.Fail(b, "nothing happens", b.log)
		return ""
	}
}

// TestFeedMissesNothing has writers that insert all the time, while the feed's
// connection is cut again and again. There is no other sweep than the feed's
// own, so that a gap would show.
func TestFeedMissesNothing(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	b := setup(t)
	to := &handed{find: func(ctx context.Context) ([]string, error) {
		rows, err := b.pool.Query(ctx, `SELECT id::text FROM music_generations`)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	var mu sync.Mutex
	var inserted []string
	for n := range 3 {
		r := rand.New(rand.NewPCG(seed, uint64(n)))
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				id := b.insert(task.Generate, "t")
				mu.Lock()
				inserted = append(inserted, id)
				mu.Unlock()
				_ = sleep(context.Background(), time.Duration(r.IntN(3000))*time.Microsecond)
			}
		})
	}
	states := b.listen(b.database, to)
	for range 5 {
		for b.await(states) != "" {
		}
		before := to.sweeps()
		require.Positive(t, b.terminate("tasksync feed"))
		require.Contains(t, b.await(states), "feed is down")
		b.until("it sweeps again", func() bool { return to.sweeps() > before })
	}
	close(stop)
	writers.Wait()
	t.Log(len(inserted), "rows")
	b.until("all are seen", func() bool {
		seen := to.seen()
		return !slices.ContainsFunc(inserted, func(id string) bool { return !seen[id] })
	})
}

// TestFeedSweepsAfterItListens inserts while the sweep is under way.
func TestFeedSweepsAfterItListens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var between string
	to := &handed{}
	to.find = func(context.Context) ([]string, error) {
		between = b.insert(task.Generate, "t")
		return nil, nil
	}
	require.Empty(t, b.await(b.listen(b.database, to)))
	b.until("it was heard of", func() bool { return to.seen()[between] })
}

func TestFeedTakesAnEchoOfTheSweepForOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := &handed{}
	to.find = func(context.Context) ([]string, error) { return []string{b.insert(task.Generate, "t")}, nil }
	require.Empty(t, b.await(b.listen(b.database, to)))
	other := b.insert(task.Generate, "t")
	b.until("the next one is heard of", func() bool { return to.seen()[other] })
	to.mu.Lock()
	defer to.mu.Unlock()
	require.Equal(t, [][]string{{other}}, to.calls)
}

func TestFeedTriesAgainWhenTheSweepFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	failures := 2
	to := &handed{}
	to.find = func(context.Context) ([]string, error) {
		if failures--; failures >= 0 {
			return nil, errors.New("no")
		}
		return nil, nil
	}
	states := b.listen(b.database, to)
	require.Equal(t, "feed is down: no", b.await(states))
	require.Equal(t, "feed is down: no", b.await(states))
	require.Empty(t, b.await(states))
	id := b.insert(task.Generate, "t")
	b.until("it is heard of", func() bool { return to.seen()[id] })
}

func TestFeedNoticesADeadConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := newProxy(t, "127.0.0.1:0", b.database)
	to := &handed{}
	to.find = func(ctx context.Context) ([]string, error) {
		rows, err := b.pool.Query(ctx, `SELECT id::text FROM music_generations`)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}
	states := b.listen(through(t, p.listener.Addr().String(), b.database), to)
	require.Empty(t, b.await(states))
	heard := b.insert(task.Generate, "t")
	b.until("it is heard of", func() bool { return to.seen()[heard] })
	p.fallSilent(false)
	silent := time.Now()
	missed := b.insert(task.Generate, "t")
	require.Contains(t, b.await(states), "heartbeat")
	require.GreaterOrEqual(t, time.Since(silent), beat, "a ping had its time")
	require.Empty(t, b.await(states))
	require.True(t, to.seen()[missed], "the sweep found it")
	heard = b.insert(task.Generate, "t")
	b.until("it hears again", func() bool { return to.seen()[heard] })
}

func TestCollectorGroupsWhatComesMeanwhile(t *testing.T) {
	t.Parallel()
	to := &handed{entered: make(chan []string), release: make(chan struct{})}
	c := newCollector(to, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.run(ctx) }()
	c.add("first")
	require.Equal(t, []string{"first"}, <-to.entered, "nothing waits to be grouped")
	var want []string
	for i := range maxHandOn + 3 {
		want = append(want, fmt.Sprint(i))
		c.add(want[i])
	}
	to.release <- struct{}{}
	require.Equal(t, want[:maxHandOn], <-to.entered)
	to.release <- struct{}{}
	require.Equal(t, want[maxHandOn:], <-to.entered)
	to.release <- struct{}{}
	cancel()
	require.NoError(t, <-ended)
}

func TestCollectorTriesAgain(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	to := &handed{refuse: 2}
	c := newCollector(to, slog.New(slog.NewTextHandler(log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.run(ctx) }()
	c.add("a")
	require.Eventually(t, func() bool { return to.seen()["a"] }, 10*time.Second, 5*time.Millisecond)
	require.Contains(t, log.String(), "the database is away")
	c.add("b")
	require.Eventually(t, func() bool { return to.seen()["b"] }, 10*time.Second, 5*time.Millisecond)

	to.mu.Lock()
	to.refuse = 1 << 30
	to.mu.Unlock()
	c.add("c")
	cancel()
	require.NoError(t, <-ended, "a stop does not wait for it")
}

func TestCollectorForgetsWhatWasSwept(t *testing.T) {
	t.Parallel()
	c := newCollector(&handed{}, slog.New(slog.DiscardHandler))
	c.remember([]string{"a", "b"})
	c.swept["b"] = time.Now().Add(-sweptFor - time.Second)
	for _, id := range []string{"a", "b", "c"} {
		c.add(id)
	}
	require.Equal(t, []string{"b", "c"}, c.take())
	c.remember(nil)
	c.add("a")
	require.Equal(t, []string{"a"}, c.take())
}

package feed

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/wait"
)

// TestFeedMissesNothing has writers that insert all the time, while the feed's
// session is ended again and again. Only the feed sweeps, so that a gap would
// show.
func TestFeedMissesNothing(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	b := setup(t)
	to := &handed{find: b.findAll}
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
				id := b.insert()
				mu.Lock()
				inserted = append(inserted, id)
				mu.Unlock()
				_ = wait.For(context.Background(), time.Duration(r.IntN(3000))*time.Microsecond)
			}
		})
	}
	cfg := b.config(to)
	cfg.Mode = Notify
	r := b.run(cfg)
	for range 5 {
		b.awaitUp(r)
		before := to.sweeps()
		require.Positive(t, b.terminate())
		require.Contains(t, b.await(r), "feed is down")
		b.until("it sweeps again", func() bool { return to.sweeps() > before })
	}
	close(stop)
	writers.Wait()
	t.Log(len(inserted), "rows")
	b.until("all are seen", func() bool { return to.has(inserted...) })
}

// TestFeedSweepsAfterItListens inserts while the sweep is under way.
func TestFeedSweepsAfterItListens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var between string
	to := &handed{}
	to.find = func(context.Context) ([]string, error) {
		between = b.insert()
		return nil, nil
	}
	r := b.run(b.config(to))
	b.awaitUp(r)
	b.until("it was heard of", func() bool { return to.has(between) })
}

func TestFeedTakesAnEchoOfTheSweepForOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := &handed{}
	to.find = func(context.Context) ([]string, error) { return []string{b.insert()}, nil }
	b.awaitUp(b.run(b.config(to)))
	other := b.insert()
	b.until("the next one is heard of", func() bool { return to.has(other) })
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
	cfg := b.config(to)
	cfg.Mode = Notify
	r := b.run(cfg)
	require.Equal(t, "feed is down: no", b.await(r))
	require.Equal(t, "feed is down: no", b.await(r))
	require.Empty(t, b.await(r))
	id := b.insert()
	b.until("it is heard of", func() bool { return to.has(id) })
}

func TestFeedNoticesADeadConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := postgrestest.NewProxy(t, "127.0.0.1:0", b.database)
	to := &handed{find: b.findAll}
	cfg := b.config(to)
	cfg.Mode, cfg.Session = Notify, b.session(p.URL())
	r := b.run(cfg)
	b.awaitUp(r)
	heard := b.insert()
	b.until("it is heard of", func() bool { return to.has(heard) })
	p.FallSilent(false)
	missed := b.insert()
	require.Contains(t, b.await(r), "feed is down")
	b.until("the sweep of the next session finds it", func() bool { return to.has(missed) })
	heard = b.insert()
	b.until("it hears again", func() bool { return to.has(heard) })
}

// A session that is dead to the feed still holds lock L on the server, but for no
// longer than it may be silent.
func TestFeedEndsItsOwnGhost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := postgrestest.NewProxy(t, "127.0.0.1:0", b.database)
	to := &handed{}
	cfg := b.config(to)
	cfg.Mode, cfg.Session = Notify, b.session(p.URL())
	r := b.run(cfg)
	b.awaitUp(r)
	p.FallSilent(false)
	began := time.Now()
	require.Contains(t, b.await(r), "feed is down")
	b.until("the ghost is ended, or has ended", func() bool { return b.sessions() == 1 && to.sweeps() == 2 })
	t.Log("took over after", time.Since(began))
}

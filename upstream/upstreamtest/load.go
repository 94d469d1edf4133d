package upstreamtest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
	"tasksync/upstream"
)

func testConcurrency(t *testing.T, w *world) {
	var fetches sync.WaitGroup
	for range 8 {
		refs := w.submit(25)
		fetches.Go(func() {
			for range 3 {
				observations, err := w.adapter.Fetch(t.Context(), refs)
				if err != nil || len(observations) != len(refs) {
					t.Errorf("%d of %d observations, error %v", len(observations), len(refs), err)
				}
				_, _, _ = w.adapter.Paused()
				_ = w.adapter.Limits()
			}
		})
	}
	fetches.Wait()
}

// testCancellation asks an upstream that never answers.
func testCancellation(t *testing.T, s Subject) {
	w := newWorld(t, s, "")
	refs := w.submit(3)
	w.sim.Outage(simulator.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	observations, err := w.adapter.Fetch(ctx, refs)
	if f, ok := errors.AsType[*task.Failure](err); ok { // on a slow machine no slot of the limit is free in time
		require.Equal(t, upstream.ReasonTurnedAway, f.Reason)
	} else {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Empty(t, observations)
	require.Less(t, time.Since(began), 5*time.Second)

	_, err = w.adapter.Fetch(ctx, refs) // its deadline has passed
	require.ErrorIs(t, err, context.DeadlineExceeded)
	w.sim.Outage(simulator.NoFault)
	w.fetchReady(t, refs...)
}

// testRateLimit has several workers fetch in bursts, and counts the calls that have
// arrived at each moment. The bubble's clock stands still while a call is under way, so
// that the counts are exact.
func testRateLimit(t *testing.T, s Subject) {
	const requests, window, tick, workers, each = 5, 10 * time.Second, 50 * time.Millisecond, 3, 8
	w := newWorld(t, s, "")
	var arrived atomic.Int64
	plain := w.server.Config.Handler
	w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		plain.ServeHTTP(rw, r)
	})
	refs := w.submit(workers * each)
	synctest.Test(t, func(t *testing.T) {
		adapter := s.open(t, upstream.Config{BaseURL: w.server.URL, APIKey: key, Requests: requests, Window: window})
		require.Equal(t, requests, adapter.Limits().Requests)
		require.Equal(t, window, adapter.Limits().Window)
		var working atomic.Int64
		working.Store(workers)
		for mine := range slices.Chunk(refs, each) {
			go func() {
				defer working.Add(-1)
				for _, ref := range mine {
					if _, err := adapter.Fetch(t.Context(), []task.Ref{ref}); err != nil {
						t.Error(err)
					}
				}
			}()
		}
		counts := []int64{0} // at each tick
		for working.Load() > 0 {
			time.Sleep(tick)
			counts = append(counts, arrived.Load())
		}
		for i := range counts[:len(counts)-int(window/tick)] {
			require.LessOrEqual(t, counts[i+int(window/tick)]-counts[i], int64(requests), "in the window from %s on", time.Duration(i)*tick)
		}
		require.GreaterOrEqual(t, counts[len(counts)-1], int64(workers*each))
		require.Less(t, len(counts), int(2*window/tick)*workers*each*s.FirstLook/requests, "the limit is used, not only kept")
	})
}

package upstreamtest

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream/simulator"
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

// testCancellation has an upstream that never answers.
func testCancellation(t *testing.T, s Subject) {
	w := newWorld(t, s)
	refs := w.submit(3)
	w.sim.Outage(simulator.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	observations, err := w.adapter.Fetch(ctx, refs)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, observations)
	require.Less(t, time.Since(began), 5*time.Second)

	_, err = w.adapter.Fetch(ctx, refs) // over before it began
	require.ErrorIs(t, err, context.DeadlineExceeded)
	w.sim.Outage(simulator.NoFault)
	seen, err := w.fetch(t.Context(), t, refs...)
	require.NoError(t, err)
	requireReady(t, seen, refs...)
}

// testRateLimit has several workers ask in bursts, and looks at the times at
// which their requests arrive.
func testRateLimit(t *testing.T, s Subject) {
	const requests, window, workers, each = 5, 250 * time.Millisecond, 3, 8
	require.NotNil(t, s.Limited, "Subject.Limited: required")
	w := newWorld(t, s)
	var mu sync.Mutex
	var arrived []time.Time
	plain := w.server.Config.Handler
	w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		arrived = append(arrived, time.Now())
		mu.Unlock()
		plain.ServeHTTP(rw, r)
	})
	adapter := s.Limited(t, w.server.URL, key, requests, window)
	require.Equal(t, requests, adapter.Limits().Requests)
	require.Equal(t, window, adapter.Limits().Window)
	var work sync.WaitGroup
	for range workers {
		refs := w.submit(each)
		work.Go(func() {
			for _, ref := range refs {
				if _, err := adapter.Fetch(t.Context(), []task.Ref{ref}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	slices.SortFunc(arrived, time.Time.Compare)
	require.GreaterOrEqual(t, len(arrived), workers*each)
	for i := range arrived[requests:] {
		require.GreaterOrEqual(t, arrived[i+requests].Sub(arrived[i]), window, "request %d of %d", i+requests, len(arrived))
	}
}

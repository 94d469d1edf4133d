package upstream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"tasksync/task"
)

// gate lets calls through one after the other, first come, first served: when
// fewer than the permitted number are under way, and when the window has room.
// Both are asked for by the head of the queue only, so that a call is sent as
// soon as it got its slot. (Were slots given out before, those of calls that
// wait for a slow upstream would pile up and later leave in one burst.)
type gate struct {
	turn   *semaphore.Weighted // the head of the queue holds it; first in, first out
	flight *semaphore.Weighted // one for each call under way

	mu      sync.Mutex
	window  window
	waiting int // callers that have no slot yet
}

func newGate(requests int, span time.Duration, concurrency int) *gate {
	return &gate{
		turn:   semaphore.NewWeighted(1),
		flight: semaphore.NewWeighted(int64(concurrency)),
		window: newWindow(requests, span),
	}
}

// enter waits for a slot. A caller whose deadline comes before the slot is
// turned away at once with a *task.Failure and takes none; when ctx ends while
// waiting the error wraps ctx.Err(). After a nil error, leave must be called.
func (g *gate) enter(ctx context.Context) (*slot, error) {
	if err := g.join(ctx); err != nil {
		return nil, err
	}
	s, err := g.pass(ctx)
	if err != nil {
		g.quit()
	}
	return s, err
}

func (g *gate) pass(ctx context.Context) (*slot, error) {
	if err := g.turn.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a rate limit slot: %w", err)
	}
	defer g.turn.Release(1)
	if err := g.flight.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a call to end: %w", err)
	}
	s, err := g.slot(ctx)
	if err != nil {
		g.flight.Release(1)
	}
	return s, err
}

// leave ends a call.
func (g *gate) leave() { g.flight.Release(1) }

// close keeps all calls back until then.
func (g *gate) close(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.window.close(until)
}

// sent tells that the request of s was written at that time. Setting up a
// connection takes its time: without this, requests that had to would come
// closer together at the provider than they were let through here.
func (g *gate) sent(s *slot, at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.at = at
}

func (g *gate) join(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if f := turnAway(ctx, now, g.window.opening(g.waiting, now)); f != nil {
		return f
	}
	g.waiting++
	return nil
}

func (g *gate) quit() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting--
}

// slot waits until the window has room. Only the head of the queue calls it.
// The window may close meanwhile, so that it asks again after each wait.
func (g *gate) slot(ctx context.Context) (*slot, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("wait for a rate limit slot: %w", err)
		}
		now := time.Now()
		s, opening := g.take(now)
		if s != nil {
			return s, nil
		}
		if f := turnAway(ctx, now, opening); f != nil {
			return nil, f
		}
		sleep(ctx, opening.Sub(now))
	}
}

func (g *gate) take(now time.Time) (*slot, time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	opening := g.window.opening(0, now)
	if opening.After(now) {
		return nil, opening
	}
	g.waiting--
	return g.window.take(now), opening
}

// turnAway is an error and not a *task.Failure in its type, so that a nil stays
// a nil in the caller's interface.
func turnAway(ctx context.Context, now, opening time.Time) error {
	deadline, ok := ctx.Deadline()
	if !ok || !deadline.Before(opening) {
		return nil
	}
	return &task.Failure{
		Verdict:    task.Transient,
		Reason:     ReasonTurnedAway,
		Message:    "no rate limit slot before the deadline",
		RetryAfter: opening.Sub(now),
		Unsent:     true,
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

package upstream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"tasksync/task"
)

// gate lets calls through when fewer than the permitted number are under way, and
// when the window has room. There are two lanes, and in each who comes first is
// served first: that of the calls that yield ([task.LaneUser]) has what the other
// leaves. They have at most half of the calls under way, leave as many slots of
// the window open as they have taken, and wait for all who wait in the other lane.
//
// Slots are asked for by the head of a lane only, once it may make its call, so
// that this is sent as soon as it got its slot. (Were slots given out before,
// those of calls that wait for a slow upstream would pile up and later leave in
// one burst.)
type gate struct {
	flight *semaphore.Weighted // one for each call under way
	first  *lane
	late   *lane // of the calls that yield

	mu     sync.Mutex
	window window
}

// lane is one queue of callers.
type lane struct {
	turn    *semaphore.Weighted // the head of the queue holds it; first in, first out
	share   *semaphore.Weighted // one for each call of the lane that is under way
	waiting int                 // callers that have no slot yet; gate.mu guards it
}

func newGate(requests int, span time.Duration, concurrency int) *gate {
	return &gate{
		flight: semaphore.NewWeighted(int64(concurrency)),
		first:  newLane(concurrency),
		late:   newLane(max(1, concurrency/2)),
		window: newWindow(requests, span),
	}
}

func newLane(share int) *lane {
	return &lane{turn: semaphore.NewWeighted(1), share: semaphore.NewWeighted(int64(share))}
}

// enter waits for a slot. A caller whose deadline comes before the slot is
// turned away at once with a *task.Failure and takes none; when ctx ends while
// waiting the error wraps ctx.Err(). After a nil error, leave must be called.
func (g *gate) enter(ctx context.Context) (*slot, error) {
	l := g.first
	if task.LaneOf(ctx) != task.LaneDue {
		l = g.late
	}
	if err := g.join(ctx, l); err != nil {
		return nil, err
	}
	s, err := g.pass(ctx, l)
	if err != nil {
		g.quit(l)
	}
	return s, err
}

func (g *gate) pass(ctx context.Context, l *lane) (*slot, error) {
	if err := l.turn.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a rate limit slot: %w", err)
	}
	defer l.turn.Release(1)
	if err := l.share.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a call to end: %w", err)
	}
	s, err := g.slot(ctx, l)
	if err != nil {
		l.share.Release(1)
	}
	return s, err
}

// leave ends the call that s was for.
func (g *gate) leave(s *slot) {
	l := g.first
	if s.late {
		l = g.late
	}
	g.flight.Release(1)
	l.share.Release(1)
}

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

func (g *gate) join(ctx context.Context, l *lane) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if f := turnAway(ctx, now, g.window.opening(g.ahead(l)+l.waiting, now)); f != nil {
		return f
	}
	l.waiting++
	return nil
}

func (g *gate) quit(l *lane) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l.waiting--
}

// ahead is how many slots must be open beside the one that the head of the lane
// wants. The caller holds the lock.
func (g *gate) ahead(l *lane) int {
	if l == g.late {
		return g.first.waiting + g.window.reserve()
	}
	return 0
}

// slot waits until the lane has a slot and the call may be made. Only the head of
// the lane calls it. While it waits, the window may close, or somebody in the
// other lane come before it, so that it asks again.
func (g *gate) slot(ctx context.Context, l *lane) (*slot, error) {
	for {
		if err := g.await(ctx, l); err != nil {
			return nil, err
		}
		if err := g.flight.Acquire(ctx, 1); err != nil {
			return nil, fmt.Errorf("wait for a call to end: %w", err)
		}
		if s := g.take(l); s != nil {
			return s, nil
		}
		g.flight.Release(1)
	}
}

// await waits until the window has room for the head of the lane.
func (g *gate) await(ctx context.Context, l *lane) error {
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("wait for a rate limit slot: %w", err)
		}
		now := time.Now()
		opening := g.opening(l, now)
		if !opening.After(now) {
			return nil
		}
		if f := turnAway(ctx, now, opening); f != nil {
			return f
		}
		sleep(ctx, opening.Sub(now))
	}
}

func (g *gate) opening(l *lane, now time.Time) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.window.opening(g.ahead(l), now)
}

// take takes a slot, if there is still room.
func (g *gate) take(l *lane) *slot {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.window.opening(g.ahead(l), now).After(now) {
		return nil
	}
	l.waiting--
	return g.window.take(now, l == g.late)
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

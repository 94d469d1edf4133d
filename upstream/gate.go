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
// when the window has room for their lane: see [gate.opening]. In a lane the
// first to come is the first to be served.
//
// Only the head of a lane asks for a slot, once it may make its call, so that
// this is sent as soon as it got its slot. (Were slots given out before, the slots
// of calls that wait for a slow upstream would pile up and later leave in one
// burst.)
type gate struct {
	flight *semaphore.Weighted // one for each call under way

	mu      sync.Mutex
	window  window
	first   *lane // task.LaneDue
	late    *lane // task.LaneUser
	backlog *lane // task.LaneBacklog
	recent  recent
}

// lane is one queue of callers.
type lane struct {
	is    task.Lane
	turn  *semaphore.Weighted // the head of the queue holds it; first in, first out
	share *semaphore.Weighted // one for each call of the lane that is under way

	// gate.mu guards what follows.
	waiting int       // callers that have no slot yet
	free    int       // calls of the lane that may be begun beside those under way
	last    time.Time // when the lane got its last slot
	since   time.Time // when it began to wait for its next one
}

func newGate(requests int, span time.Duration, concurrency int) *gate {
	half := max(1, concurrency/2)
	return &gate{
		flight:  semaphore.NewWeighted(int64(concurrency)),
		first:   newLane(task.LaneDue, concurrency),
		late:    newLane(task.LaneUser, half),
		backlog: newLane(task.LaneBacklog, half),
		window:  newWindow(requests, span),
	}
}

func newLane(is task.Lane, share int) *lane {
	return &lane{is: is, turn: semaphore.NewWeighted(1), share: semaphore.NewWeighted(int64(share)), free: share}
}

func (g *gate) lane(of task.Lane) *lane {
	switch of {
	case task.LaneDue:
		return g.first
	case task.LaneBacklog:
		return g.backlog
	default:
		return g.late
	}
}

// enter waits for a slot. A caller that would probably have no answer before its
// deadline is turned away at once with a *task.Failure and takes none; when ctx
// ends while waiting the error wraps ctx.Err(). After a nil error, leave must be
// called. admit is asked last, when the slot is there: its error becomes enter's,
// and the slot stays free. It must not call the gate.
func (g *gate) enter(ctx context.Context, admit func() error) (*slot, error) {
	l := g.lane(task.LaneOf(ctx))
	if err := g.join(ctx, l); err != nil {
		return nil, err
	}
	s, err := g.pass(ctx, l, admit)
	if err != nil {
		g.quit(l)
	}
	return s, err
}

func (g *gate) pass(ctx context.Context, l *lane, admit func() error) (*slot, error) {
	if err := l.turn.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a rate limit slot: %w", err)
	}
	defer l.turn.Release(1)
	if err := l.share.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a call to end: %w", err)
	}
	s, err := g.slot(ctx, l, admit)
	if err != nil {
		l.share.Release(1)
	}
	return s, err
}

// leave ends the call that s was for.
func (g *gate) leave(s *slot) {
	l := g.lane(s.lane)
	g.mu.Lock()
	l.free++
	g.mu.Unlock()
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

// took notes how long a call took to its end.
func (g *gate) took(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.recent.add(time.Now(), d)
}

func (g *gate) join(ctx context.Context, l *lane) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if l.waiting == 0 {
		l.since = now
	}
	if err := g.turnAway(ctx, now, g.opening(l, l.waiting, now)); err != nil {
		return err
	}
	l.waiting++
	return nil
}

func (g *gate) quit(l *lane) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l.waiting--
}

// slot waits until the lane has a slot and the call may be made. Only the head of
// the lane calls it. While it waits, the window may close, or a caller in another
// lane come before it, so that it asks again.
func (g *gate) slot(ctx context.Context, l *lane, admit func() error) (*slot, error) {
	for {
		if err := g.await(ctx, l); err != nil {
			return nil, err
		}
		if err := g.flight.Acquire(ctx, 1); err != nil {
			return nil, fmt.Errorf("wait for a call to end: %w", err)
		}
		s, err := g.take(ctx, l, admit)
		if s != nil {
			return s, nil
		}
		g.flight.Release(1)
		if err != nil {
			return nil, err
		}
	}
}

// await waits until the window has room for the head of the lane.
func (g *gate) await(ctx context.Context, l *lane) error {
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("wait for a rate limit slot: %w", err)
		}
		wait, err := g.ask(ctx, l)
		if err != nil || wait <= 0 {
			return err
		}
		sleep(ctx, wait)
	}
}

// ask tells how long the head of the lane has to wait, as things are.
func (g *gate) ask(ctx context.Context, l *lane) (time.Duration, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	opening := g.opening(l, 0, now)
	return opening.Sub(now), g.turnAway(ctx, now, opening)
}

// take takes a slot; nil without an error: there is no room any more. The calls
// under way may have kept the caller waiting for so long that it comes too late.
func (g *gate) take(ctx context.Context, l *lane, admit func() error) (*slot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.opening(l, 0, now).After(now) {
		return nil, nil
	}
	if err := g.turnAway(ctx, now, now); err != nil {
		return nil, err
	}
	if err := admit(); err != nil {
		return nil, err
	}
	l.waiting--
	l.free--
	l.last, l.since = now, now
	return g.window.take(now, l.is), nil
}

// turnAway is the failure of a caller whose deadline comes before the opening of
// its slot and the time that a call takes. It is an error and not a *task.Failure
// in its type, so that a nil stays a nil in the caller's interface. The caller
// holds the lock.
func (g *gate) turnAway(ctx context.Context, now, opening time.Time) error {
	deadline, ok := ctx.Deadline()
	if !ok || !deadline.Before(opening.Add(g.recent.slowest(now))) {
		return nil
	}
	message := "no rate limit slot before the deadline"
	if !deadline.Before(opening) {
		message = "no answer to be expected before the deadline"
	}
	return &task.Failure{
		Verdict: task.Transient, Reason: ReasonTurnedAway, Message: message,
		RetryAfter: max(0, opening.Sub(now)), Unsent: true,
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

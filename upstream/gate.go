package upstream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"tasksync/internal/wait"
	"tasksync/task"
)

// gate lets a call through when fewer calls than permitted are under way, and the
// window has room for the call's lane: see [gate.opening]. Each lane is first come,
// first served.
//
// Only the head of a lane asks for a slot, and only when its call may be made, so
// that the call is sent as soon as it has its slot. (If slots were given out
// earlier, calls that wait for a slow upstream would pile up slots and later use
// them in one burst.)
type gate struct {
	flight *semaphore.Weighted // one for each call under way

	mu      sync.Mutex
	window  window
	due     *lane // task.LaneDue
	user    *lane // task.LaneUser
	backlog *lane // task.LaneBacklog
	times   callTimes
}

// lane is one queue of callers.
type lane struct {
	id    task.Lane
	head  *semaphore.Weighted // the head of the queue holds it; first in, first out
	share *semaphore.Weighted // one for each call of the lane that is under way

	// gate.mu guards the fields below.
	waiting int       // callers without a slot
	free    int       // calls that the lane may begin beside those under way
	last    time.Time // when the lane got its last slot
	since   time.Time // when the lane began to wait for its next slot
}

func newGate(requests int, span time.Duration, concurrency int) *gate {
	half := max(1, concurrency/2)
	return &gate{
		flight:  semaphore.NewWeighted(int64(concurrency)),
		due:     newLane(task.LaneDue, concurrency),
		user:    newLane(task.LaneUser, half),
		backlog: newLane(task.LaneBacklog, half),
		window:  newWindow(requests, span),
	}
}

func newLane(id task.Lane, share int) *lane {
	return &lane{id: id, head: semaphore.NewWeighted(1), share: semaphore.NewWeighted(int64(share)), free: share}
}

func (g *gate) lane(id task.Lane) *lane {
	switch id {
	case task.LaneDue:
		return g.due
	case task.LaneBacklog:
		return g.backlog
	default:
		return g.user
	}
}

// enter waits for a slot. A caller that would probably have no answer before its
// deadline is turned away at once with a *task.Failure and takes no slot. When ctx
// ends during the wait, the error wraps ctx.Err(). After a nil error the caller
// must call leave. enter calls admit last, when a slot is open: an error of admit
// becomes enter's, and the slot stays open. admit must not call the gate.
func (g *gate) enter(ctx context.Context, admit func() error) (*slot, error) {
	l := g.lane(task.LaneOf(ctx))
	if err := g.join(ctx, l); err != nil {
		return nil, err
	}
	s, err := g.queue(ctx, l, admit)
	if err != nil {
		g.quit(l)
	}
	return s, err
}

// queue waits for the head of the lane, then for a slot.
func (g *gate) queue(ctx context.Context, l *lane, admit func() error) (*slot, error) {
	if err := l.head.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a rate limit slot: %w", err)
	}
	defer l.head.Release(1)
	if err := l.share.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a call to end: %w", err)
	}
	s, err := g.slot(ctx, l, admit)
	if err != nil {
		l.share.Release(1)
	}
	return s, err
}

// leave ends the call that used s.
func (g *gate) leave(s *slot) {
	l := g.lane(s.lane)
	g.mu.Lock()
	l.free++
	g.mu.Unlock()
	g.flight.Release(1)
	l.share.Release(1)
}

// close lets no call through before until.
func (g *gate) close(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.window.close(until)
}

// sent records that the call of s was written at that time. Setting up a
// connection takes time: without this correction, the calls that needed one would
// reach the provider closer together than the gate let them through.
func (g *gate) sent(s *slot, at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.at = at
}

// took records how long a call took to its end.
func (g *gate) took(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.times.add(time.Now(), d)
}

// join counts a caller into the lane, unless it is turned away.
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

// quit counts out a caller that got no slot.
func (g *gate) quit(l *lane) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l.waiting--
}

// slot waits until the lane has a slot and the call may be made. Only the head of
// the lane calls it. During its wait for a call to end, the window may close or
// another lane take the slot; then slot begins again.
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
		d, err := g.untilOpening(ctx, l)
		if err != nil || d <= 0 {
			return err
		}
		_ = wait.For(ctx, d) // the loop looks at ctx
	}
}

// untilOpening returns how long the head of the lane has to wait, as things are.
func (g *gate) untilOpening(ctx context.Context, l *lane) (time.Duration, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	opening := g.opening(l, 0, now)
	return opening.Sub(now), g.turnAway(ctx, now, opening)
}

// take takes a slot. It returns nil without an error when there is no room any
// more. It turns away a caller that waited too long for other calls to end.
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
	return g.window.take(now, l.id), nil
}

// turnAway returns a *task.Failure when the caller's deadline comes before the
// opening of its slot plus the time that a call takes. The result has type error,
// so that nil stays nil in the caller's error. The caller holds the lock.
func (g *gate) turnAway(ctx context.Context, now, opening time.Time) error {
	deadline, ok := ctx.Deadline()
	if !ok || !deadline.Before(opening.Add(g.times.slowest(now))) {
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

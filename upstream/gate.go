package upstream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tasksync/internal/queue"
	"tasksync/task"
)

// gate lets a call through when its turn comes: see [queue.Queue], which decides. A call
// is sent as soon as it has its slot, since slots are given out only when they can
// be used. (If slots were given out earlier, calls that wait for a slow upstream
// would pile up slots and later use them in one burst.)
type gate struct {
	mu    sync.Mutex
	queue *queue.Queue[*waiter]
	times callTimes
	timer *time.Timer // runs when the next call may go
	told  time.Time   // until when the provider wants no calls, by an answer to one of these
}

func newGate(requests int, span time.Duration, concurrency int) *gate {
	return &gate{queue: queue.New[*waiter](requests, span, concurrency)}
}

// waiter is the caller of a call without a slot.
type waiter struct {
	call     queue.Call[*waiter]
	deadline time.Time    // zero: none
	admit    func() error // asked last

	done chan struct{} // closed when slot or err is set
	slot *queue.Slot
	err  error
}

// claimKey is the key of a claim's user and value in a context.
type claimKey struct{}

// withClaim returns a context whose calls are about rows of one user, and worth
// so much.
func withClaim(ctx context.Context, user string, value float64) context.Context {
	return context.WithValue(ctx, claimKey{}, queue.Claim{User: user, Value: value})
}

func claimOf(ctx context.Context) queue.Claim {
	c, _ := ctx.Value(claimKey{}).(queue.Claim)
	c.Lane = task.LaneOf(ctx)
	return c
}

// enter waits for a slot. A caller that would probably have no answer before its
// deadline is turned away at once with a *task.Failure and takes no slot. When ctx
// ends during the wait, the error wraps ctx.Err(). After a nil error the caller
// must call leave. enter calls admit last, when a slot is open: an error of admit
// becomes enter's, and the slot stays open. admit must not call the gate.
func (g *gate) enter(ctx context.Context, admit func() error) (*queue.Slot, error) {
	w := &waiter{admit: admit, done: make(chan struct{})}
	w.call = queue.Call[*waiter]{Claim: claimOf(ctx), Caller: w}
	w.deadline, _ = ctx.Deadline()
	if err := g.join(w); err != nil {
		return nil, err
	}
	select {
	case <-w.done:
		return w.slot, w.err
	case <-ctx.Done():
	}
	if g.quit(w) {
		return nil, fmt.Errorf("wait for a rate limit slot: %w", ctx.Err())
	}
	<-w.done
	return w.slot, w.err
}

// join lets a call wait, unless it is turned away.
func (g *gate) join(w *waiter) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if err := g.turnAway(w, now, g.queue.Expect(w.call.Claim, now)); err != nil {
		return err
	}
	g.queue.Add(&w.call, now)
	g.serve(now)
	return nil
}

// quit reports whether the call was still waiting, and waits no more.
func (g *gate) quit(w *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queue.Remove(&w.call)
}

// leave ends the call that used s.
func (g *gate) leave(s *queue.Slot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue.Leave(s)
	g.serve(time.Now())
}

// tell closes the gate because an answer to one of its calls said so.
func (g *gate) tell(until time.Time) {
	g.mu.Lock()
	if until.After(g.told) {
		g.told = until
	}
	g.mu.Unlock()
	g.close(until)
}

// close lets no call through before until.
func (g *gate) close(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue.Close(until)
	now := time.Now()
	g.turnAwayWaiting(now)
	g.serve(now)
}

// shareOut gives the gate a share of its limit until then.
func (g *gate) shareOut(share int, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue.ShareOut(share, until)
	g.serve(time.Now())
}

// demand is how many calls of a window would be sent if there were slots for all.
func (g *gate) demand() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queue.Demand(time.Now())
}

// share is how many calls a window may hold now.
func (g *gate) share() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queue.Share(time.Now())
}

// used is how many calls of the last window were sent.
func (g *gate) used() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queue.Used(time.Now())
}

// sent records that the call of s was written at that time. Setting up a
// connection takes time: without this correction, the calls that needed one would
// reach the provider closer together than the gate let them through.
func (g *gate) sent(s *queue.Slot, at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.At = at
}

// took records how long a call took to its end.
func (g *gate) took(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.times.add(time.Now(), d)
}

// serve gives slots to all calls that may go, and comes back when the next one
// may. The caller holds the lock.
func (g *gate) serve(now time.Time) {
	for {
		call, wait := g.queue.Next(now)
		if call == nil {
			g.comeBack(wait)
			return
		}
		w := call.Caller
		if err := g.turnAway(w, now, now); err != nil {
			g.answer(w, err)
		} else if err := w.admit(); err != nil {
			g.answer(w, err)
		} else {
			w.slot = g.queue.Take(call, now)
			close(w.done)
		}
	}
}

// answer ends the wait of a call that gets no slot. The caller holds the lock.
func (g *gate) answer(w *waiter, err error) {
	g.queue.Remove(&w.call)
	w.err = err
	close(w.done)
}

// comeBack lets serve run after d; 0: what then changes calls it. The caller holds the lock.
func (g *gate) comeBack(d time.Duration) {
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	if d <= 0 {
		return
	}
	g.timer = time.AfterFunc(d, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.serve(time.Now())
	})
}

// turnAwayWaiting turns away the waiting calls that now come too late. The caller
// holds the lock.
func (g *gate) turnAwayWaiting(now time.Time) {
	for _, call := range g.queue.Calls() {
		if err := g.turnAway(call.Caller, now, g.queue.Opening(now)); err != nil {
			g.answer(call.Caller, err)
		}
	}
}

// longestTurn is the longest wait that a caller is told which is turned away for those
// before it. The estimate follows from a share that may soon be larger.
const longestTurn = 15 * time.Second

// turnAway returns a *task.Failure when the caller's deadline comes before the
// opening of its slot plus the time that a call takes. The result has type error,
// so that nil stays nil in the caller's error. The caller holds the lock.
func (g *gate) turnAway(w *waiter, now, opening time.Time) error {
	if w.deadline.IsZero() || !w.deadline.Before(opening.Add(g.times.slowest(now))) {
		return nil
	}
	message := "no rate limit slot before the deadline"
	if !w.deadline.Before(opening) {
		message = "no answer to be expected before the deadline"
	}
	return &task.Failure{
		Verdict: task.Transient, Reason: ReasonTurnedAway, Message: message,
		RetryAfter: max(0, min(opening.Sub(now), max(longestTurn, g.queue.Opening(now).Sub(now)))), Unsent: true,
	}
}

package queue

import (
	"sort"
	"time"

	"tasksync/task"
)

// Margin is how much longer a window of that span is here than at the provider, since
// calls take different times to reach it: a busy machine delays one by a quarter of a second.
func Margin(span time.Duration) time.Duration {
	return max(50*time.Millisecond, min(span/32, 500*time.Millisecond))
}

// Slot is the permission to send one call.
type Slot struct {
	At   time.Time // when the slot was given out; the caller sets when its call was sent
	lane task.Lane
	user string

	users int // slots of the user lane that were given out so far, this one included
}

// Sent corrects when the call of the slot was sent.
func (s *Slot) Sent(at time.Time) { s.At = at }

// window is an exact sliding window: the n-th call may go when the (n-limit)th is
// older than the span. So no span of the provider's clock, wherever it begins,
// holds more than limit calls. Of the limit a daemon may have a share only, for a
// time.
type window struct {
	span   time.Duration
	last   []*Slot // the last limit slots, a ring; empty: there is no limit
	next   int     // index of the oldest slot in last
	closed time.Time

	count int                       // slots that have not left the window
	lanes [task.LaneBacklog + 1]int // of them, by lane
	had   map[string]int            // of them, by user
	users int                       // slots of the user lane that were given out

	shared bool      // share counts, and not the whole limit
	share  int       // slots in a span
	until  time.Time // after that the share is 0
}

func newWindow(limit int, span time.Duration) window {
	return window{span: span + Margin(span), last: make([]*Slot, max(limit, 0)), had: make(map[string]int)}
}

// limited reports whether the window has a limit at all.
func (w *window) limited() bool { return len(w.last) > 0 }

// limit is how many slots of a span may be taken now.
func (w *window) limit(now time.Time) int {
	switch {
	case !w.shared:
		return len(w.last)
	case now.Before(w.until):
		return min(w.share, len(w.last))
	default:
		return 0
	}
}

// shareOut gives the window a share of its limit until then.
func (w *window) shareOut(share int, until time.Time) {
	w.shared, w.share, w.until = true, max(0, share), until
}

// noShare is how long a call without a share waits before it asks again: a share may
// come at any time.
const noShare = time.Second

// opening is when a call may go, with so many calls ahead of it. It is exact for
// the first call, and an estimate for the calls behind it.
func (w *window) opening(ahead int, now time.Time) time.Time {
	at := later(now, w.closed)
	if !w.limited() {
		return at
	}
	limit := w.limit(now)
	if limit == 0 {
		return now.Add(noShare)
	}
	if s := w.last[(w.next+len(w.last)-limit+ahead%limit)%len(w.last)]; s != nil {
		at = later(at, s.At.Add(w.span))
	}
	return at.Add(time.Duration(ahead/limit) * w.span)
}

// reserve is how many slots must stay open beside the next slot of the user lane:
// as many as the lane has in the window by then.
func (w *window) reserve(now time.Time) int {
	limit := w.limit(now)
	open := sort.Search(limit, func(open int) bool { // the oldest slot is open first
		later := w.users
		if s := w.last[(w.next+len(w.last)-limit+open)%len(w.last)]; s != nil {
			later -= s.users
		}
		return open >= later
	})
	return open % max(1, limit)
}

// expire forgets the slots that have left the window, the oldest first. A slot whose
// call was sent late keeps those after it for as long.
func (w *window) expire(now time.Time) {
	for w.count > 0 && !w.oldest().At.Add(w.span).After(now) {
		w.forget()
	}
}

func (w *window) oldest() *Slot { return w.last[(w.next+len(w.last)-w.count)%len(w.last)] }

func (w *window) forget() {
	s := w.oldest()
	w.lanes[s.lane]--
	if w.had[s.user]--; w.had[s.user] <= 0 {
		delete(w.had, s.user)
	}
	w.count--
}

// taken is how many slots in the window belong to the lane.
func (w *window) taken(lane task.Lane, now time.Time) int {
	w.expire(now)
	return w.lanes[lane]
}

// used is how many slots of the last span were taken.
func (w *window) used(now time.Time) int {
	w.expire(now)
	return w.count
}

// take gives out a slot at now. The caller has made sure that one is open.
func (w *window) take(now time.Time, c Claim) *Slot {
	if c.Lane == task.LaneUser {
		w.users++
	}
	s := &Slot{At: now, lane: c.Lane, user: c.User, users: w.users}
	if w.limited() {
		if w.expire(now); w.count == len(w.last) {
			w.forget()
		}
		w.last[w.next] = s
		w.next = (w.next + 1) % len(w.last)
		w.count++
		w.lanes[c.Lane]++
		w.had[c.User]++
	}
	return s
}

// close lets no call go before until.
func (w *window) close(until time.Time) { w.closed = later(w.closed, until) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Limit is how many calls any span may hold; 0: no limit.
func (q *Queue[T]) Limit() int { return len(q.window.last) }

// Share is how many calls a span may hold now.
func (q *Queue[T]) Share(now time.Time) int { return q.window.limit(now) }

// ShareOut gives the queue a share of its limit until then; after that it has none.
func (q *Queue[T]) ShareOut(share int, until time.Time) { q.window.shareOut(share, until) }

// Close lets no call go before until. An earlier time changes nothing.
func (q *Queue[T]) Close(until time.Time) { q.window.close(until) }

// Used is how many slots of the last span were taken.
func (q *Queue[T]) Used(now time.Time) int { return q.window.used(now) }

// Calls are the calls that wait, by lane and user.
func (q *Queue[T]) Calls() []*Call[T] {
	var all []*Call[T]
	for _, l := range q.lanes {
		for _, t := range l.turns {
			all = append(all, t.calls...)
		}
	}
	return all
}

// Waiting is how many calls wait in a lane.
func (q *Queue[T]) Waiting(id task.Lane) int { return q.lane(id).waiting }

// Expect is when a call with this claim would go that was added now. It is exact
// for the next call, and an estimate for the others.
func (q *Queue[T]) Expect(c Claim, now time.Time) time.Time {
	c.Lane = q.laneFor(c)
	return q.opening(q.lane(c.Lane), q.before(c, now), now)
}

// Opening is when the window has a slot for the next call, whatever its lane is.
func (q *Queue[T]) Opening(now time.Time) time.Time { return q.window.opening(0, now) }

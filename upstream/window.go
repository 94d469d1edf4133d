package upstream

import (
	"time"

	"tasksync/task"
)

// windowMargin is what a window is longer here than at the provider, for the
// differences in the requests' ways to it.
const windowMargin = 50 * time.Millisecond

// slot is the permission to send one request.
type slot struct {
	at   time.Time // when it was given out, later when the request was sent
	lane task.Lane // whose call it is
}

// window is an exact sliding window: the n-th request may go when the (n-limit)th
// is older than the span. So no span of the provider's clock holds more than
// limit of them, wherever it begins.
type window struct {
	span   time.Duration
	last   []*slot // the last limit slots, a ring; of no length: there is no limit
	next   int     // the oldest of them
	closed time.Time
}

func newWindow(limit int, span time.Duration) window {
	return window{span: span + windowMargin, last: make([]*slot, max(limit, 0))}
}

// opening is when the request may go that has ahead others before it. It is
// exact for the first one, and an estimate for those behind it.
func (w *window) opening(ahead int, now time.Time) time.Time {
	at := later(now, w.closed)
	limit := len(w.last)
	if limit == 0 {
		return at
	}
	if s := w.last[(w.next+ahead)%limit]; s != nil {
		at = later(at, s.at.Add(w.span))
	}
	return at.Add(time.Duration(ahead/limit) * w.span)
}

// reserve is how many slots must stay open beside the one of a user's call: as many
// as other calls of users still have then.
func (w *window) reserve() int {
	late := 0
	for _, s := range w.last {
		late += s.lateness()
	}
	for open := range w.last { // the oldest of them first
		late -= w.last[(w.next+open)%len(w.last)].lateness()
		if open >= late {
			return open
		}
	}
	return 0
}

func (s *slot) lateness() int {
	if s != nil && s.lane == task.LaneUser {
		return 1
	}
	return 0
}

// taken is how many slots of the window are those of a lane.
func (w *window) taken(lane task.Lane, now time.Time) int {
	n := 0
	for _, s := range w.last {
		if s != nil && s.lane == lane && s.at.Add(w.span).After(now) {
			n++
		}
	}
	return n
}

// take gives out the slot of now. The caller has made sure that it is open.
func (w *window) take(now time.Time, lane task.Lane) *slot {
	s := &slot{at: now, lane: lane}
	if len(w.last) > 0 {
		w.last[w.next] = s
		w.next = (w.next + 1) % len(w.last)
	}
	return s
}

func (w *window) close(until time.Time) { w.closed = later(w.closed, until) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

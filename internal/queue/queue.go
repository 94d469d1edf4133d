package queue

import (
	"cmp"
	"math"
	"slices"
	"time"

	"tasksync/task"
)

const (
	// keptForOthers: the backlog leaves one slot in ten open.
	keptForOthers = 10
	// paceOfBacklog: the backlog takes at most that part of the slots, evenly spaced.
	paceOfBacklog = 0.9
)

// Queue decides which call goes next, and when. It is not safe for concurrent use.
//
//   - No span of the window holds more slots than its limit.
//   - The lanes are served in their order, but none starves: see guaranteed.
//   - The user lane leaves as many slots open as it has taken. The backlog takes one
//     slot at a time, evenly, and never the last tenth of the window: however long
//     it is, a look that is due finds an open slot.
//   - Looks that are due take half of the window at once, and the rest evenly. So a slot
//     opens soon at any time, and nobody waits for a burst of others to leave the window.
//   - In a lane users take turns: who has had the fewest slots of the window is next, so
//     that a user who asks seldom waits for nobody's crowd. None fills the lane of first
//     looks. Of a user's calls the most valuable goes first, where a second in the queue
//     adds a second to the value.
//
// Without a limit the lanes share only the calls under way.
type Queue[T any] struct {
	window window
	lanes  []*lane[T] // in the order in which they are served
	flying int        // calls under way
	most   int        // of them

	numbers uint64
}

// New returns a queue without calls, for so many requests in any span, of which so
// many may be under way; 0 requests: no limit but that.
func New[T any](requests int, span time.Duration, concurrency int) *Queue[T] {
	q := &Queue[T]{window: newWindow(requests, span), most: concurrency}
	for _, g := range guaranteed {
		l := &lane[T]{id: g.lane, part: g.part, most: concurrency}
		if g.half {
			l.most = max(1, concurrency/2)
		}
		q.lanes = append(q.lanes, l)
	}
	return q
}

func (q *Queue[T]) lane(id task.Lane) *lane[T] {
	i := slices.IndexFunc(q.lanes, func(l *lane[T]) bool { return l.id == id })
	return q.lanes[i]
}

// Add lets a call wait.
func (q *Queue[T]) Add(w *Call[T], now time.Time) {
	w.Lane = q.laneFor(w.Claim)
	q.numbers++
	w.number, w.rank = q.numbers, w.rankAt(now)
	q.lane(w.Lane).add(w, now)
}

// laneFor is where a call waits: in its lane, but a user's first looks beyond a
// quarter of the limit wait with those that are due. Otherwise the first looks at
// hundreds of rows of one user would go before all that others wait for.
func (q *Queue[T]) laneFor(c Claim) task.Lane {
	if c.Lane != task.LaneFirst || !q.window.limited() {
		return c.Lane
	}
	l := q.lane(c.Lane)
	if i := l.turnOf(c.User); i >= 0 && len(l.turns[i].calls) >= (q.Limit()+3)/4 {
		return task.LaneDue
	}
	return c.Lane
}

// Remove takes a call out of the queue. It reports whether the call was in it.
func (q *Queue[T]) Remove(w *Call[T]) bool { return q.lane(w.Lane).remove(w) }

// Next is the call that may go now; without one, how long it is until one may: 0
// when that needs the end of a call or a new caller.
func (q *Queue[T]) Next(now time.Time) (w *Call[T], wait time.Duration) {
	if q.flying >= q.most {
		return nil, 0
	}
	var first time.Time
	for _, l := range q.byUrgency(now) {
		if !l.wants() {
			continue
		}
		opening := q.opening(l, 0, now)
		if !opening.After(now) {
			return q.turn(l, now).calls[0], 0
		}
		if first.IsZero() || opening.Before(first) {
			first = opening
		}
	}
	if first.IsZero() {
		return nil, 0
	}
	return nil, first.Sub(now)
}

// byUrgency are the lanes in the order of now: those that are owed a slot by the
// time at which it was owed, then the others.
func (q *Queue[T]) byUrgency(now time.Time) []*lane[T] {
	order := slices.Clone(q.lanes)
	slices.SortStableFunc(order, func(a, b *lane[T]) int {
		switch owedA, owedB := q.owed(a, now), q.owed(b, now); {
		case owedA && owedB:
			return q.urgentAt(a, now).Compare(q.urgentAt(b, now))
		case owedA:
			return -1
		case owedB:
			return 1
		default:
			return 0
		}
	})
	return order
}

// urgentAt orders the lanes that are owed a slot: by when it was owed, hints first.
func (q *Queue[T]) urgentAt(l *lane[T], now time.Time) time.Time {
	if q.atOnce(l, now) {
		return time.Time{}
	}
	return q.owedAt(l, 1, now)
}

// atOnce reports whether the lane is that of hints and has not had its part of the
// window: a hint finds something, so its slots are its own at any time.
func (q *Queue[T]) atOnce(l *lane[T], now time.Time) bool {
	return l.id == task.LaneHint && q.window.taken(l.id, now) < int(l.part*q.limitNow(now)+1e-6)
}

// owed reports whether the lane has waited for its part of the limit long enough.
func (q *Queue[T]) owed(l *lane[T], now time.Time) bool {
	return q.window.limited() && l.wants() && !now.Before(q.owedAt(l, 1, now)) && q.window.taken(l.id, now) < q.part(l, now)
}

// owedAt is when the lane is owed the n-th slot from now on.
func (q *Queue[T]) owedAt(l *lane[T], n int, now time.Time) time.Time {
	if q.atOnce(l, now) {
		return l.since
	}
	return l.since.Add(time.Duration(n) * q.allowance(l, now))
}

// opening is when a call of the lane may go that has so many calls of the lane
// before it. It is exact for the first call, as things are, and an estimate for the
// calls behind it.
func (q *Queue[T]) opening(l *lane[T], before int, now time.Time) time.Time {
	if !q.window.limited() {
		return q.window.opening(0, now)
	}
	ahead := before
	for _, other := range q.lanes {
		if other.id < l.id && other.flying < other.most {
			ahead += other.waiting
		}
	}
	ahead += q.reserved(l, now)
	var left time.Time
	switch l.id {
	case task.LaneBacklog:
		left = q.window.opening(ahead+q.slack(now), now)
		if !l.last.IsZero() {
			left = later(left, l.last.Add(q.pace(before+1, now)))
		}
	case task.LaneUser:
		left = q.window.opening(ahead+q.window.reserve(now), now)
	case task.LaneDue:
		left = q.window.opening(ahead, now)
		if !l.last.IsZero() && 2*q.window.used(now) > q.window.limit(now) {
			left = later(left, l.last.Add(time.Duration(before+1)*q.window.span/time.Duration(q.limitNow(now))))
		}
	default:
		left = q.window.opening(ahead, now)
	}
	if q.window.taken(l.id, now) >= q.part(l, now) {
		return left
	}
	if owed := later(q.window.opening(before, now), q.owedAt(l, before+1, now)); owed.Before(left) {
		return owed
	}
	return left
}

// reserved is how many slots the lane leaves open for those after it that wait. One
// slot is nobody's: where the limit is one, only the order counts.
func (q *Queue[T]) reserved(l *lane[T], now time.Time) int {
	n := 0
	for _, other := range q.lanes {
		if other.id > l.id && other.wants() {
			n += q.rest(other, now)
		}
	}
	return min(n, max(0, q.window.limit(now)-1))
}

// rest is how many slots the lane is owed within a span from now, beside those that
// its own slots in the window free for it.
func (q *Queue[T]) rest(l *lane[T], now time.Time) int {
	owed := int(float64(now.Add(q.window.span).Sub(l.since))/float64(q.allowance(l, now)) + 1e-6)
	return max(0, min(owed, q.part(l, now))-q.window.taken(l.id, now))
}

// part is how many slots of a window are the lane's, one at least.
func (q *Queue[T]) part(l *lane[T], now time.Time) int {
	return int(math.Ceil(l.part*q.limitNow(now) - 1e-6))
}

// allowance is the time in which the lane's part of the limit has one slot.
func (q *Queue[T]) allowance(l *lane[T], now time.Time) time.Duration {
	if !q.window.limited() {
		return 0
	}
	return time.Duration(float64(q.window.span) / (l.part * q.limitNow(now)))
}

// limitNow is how many slots a window has now, one at least.
func (q *Queue[T]) limitNow(now time.Time) float64 { return float64(max(1, q.window.limit(now))) }

// slack is how many slots the backlog leaves open; 0 where the limit is one slot.
func (q *Queue[T]) slack(now time.Time) int {
	limit := q.window.limit(now)
	return max(0, min(max(1, limit/keptForOthers), limit-1))
}

// pace is the shortest time in which the backlog takes so many slots.
func (q *Queue[T]) pace(slots int, now time.Time) time.Duration {
	return time.Duration(float64(q.window.span) * float64(slots) / (paceOfBacklog * q.limitNow(now)))
}

// Take gives the call its slot. The caller has it from [Queue.Next].
func (q *Queue[T]) Take(w *Call[T], now time.Time) *Slot {
	l := q.lane(w.Lane)
	i := l.turnOf(w.User)
	l.remove(w)
	if i < len(l.turns) && l.turns[i].user == w.User { // the next turn is another user's
		t := l.turns[i]
		l.turns = append(slices.Delete(l.turns, i, i+1), t)
	}
	l.since = later(now.Add(-q.allowance(l, now)), q.owedAt(l, 1, now)) // a slot that comes late delays not the next one
	if l.since.After(now) {
		l.since = now
	}
	l.last = now
	l.flying++
	q.flying++
	return q.window.take(now, w.Claim)
}

// Leave ends the call that used s.
func (q *Queue[T]) Leave(s *Slot) {
	q.lane(s.lane).flying--
	q.flying--
}

// before is how many calls of its lane go before a call that would be added now: all
// calls of its user that rank as high, and as many of each other user.
func (q *Queue[T]) before(c Claim, now time.Time) int {
	l := q.lane(c.Lane)
	own := 0
	if i := l.turnOf(c.User); i >= 0 {
		own, _ = slices.BinarySearchFunc(l.turns[i].calls, c.rankAt(now), func(w *Call[T], rank time.Time) int {
			return cmp.Or(w.rank.Compare(rank), -1) // those that rank as high come before
		})
	}
	n := own
	for _, t := range l.turns {
		if t.user != c.User {
			n += min(len(t.calls), own+1)
		}
	}
	return n
}

// Demand is how many slots of a span would be taken if there were enough: those that
// were taken, and the calls that wait.
func (q *Queue[T]) Demand(now time.Time) int {
	n := q.window.used(now)
	for _, l := range q.lanes {
		n += l.waiting
	}
	return n
}

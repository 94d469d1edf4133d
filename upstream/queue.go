package upstream

import (
	"math"
	"slices"
	"time"

	"tasksync/task"
)

// claim is what a call waits with.
type claim struct {
	lane  task.Lane
	user  string  // whose row it is about; in a lane users take turns
	value float64 // of its looks: the waiting that they are expected to end
}

// waiter is a call without a slot.
type waiter struct {
	claim
	number   uint64    // calls of the same value are served as they came
	deadline time.Time // of its caller; zero: none

	admit func() error  // asked last
	done  chan struct{} // closed when slot or err is set
	slot  *slot
	err   error
}

// Parts of the limit, per lane, in the order in which the lanes are served. A lane
// that waits is served out of this order when it has had no slot for the time in
// which its part of the limit has one. The parts are less than the whole together,
// so that all of them can be kept.
var guaranteed = [...]struct { //nolint:gochecknoglobals // a constant table
	lane task.Lane
	part float64
	half bool // of the calls under way it may have half
}{
	{task.LaneHint, 0.2, false},
	{task.LaneFirst, 0.2, false},
	{task.LaneDeadline, 0.1, false},
	{task.LaneDue, 0.2, false},
	{task.LaneUser, 0.1, true},
	{task.LaneBacklog, 0.1, true},
}

const (
	// keptForOthers: the backlog leaves one slot in ten open.
	keptForOthers = 10
	// paceOfBacklog: the backlog takes at most that part of the slots, evenly spaced.
	paceOfBacklog = 0.9
)

// queue decides which call goes next, and when. It waits for nothing and asks no
// clock, so that tests and the benchmark can hold it to its rules:
//
//   - No span of the window holds more slots than its limit.
//   - The lanes are served in their order, but none starves: see guaranteed.
//   - The user lane leaves as many slots open as it has taken. The backlog takes one
//     slot at a time, evenly, and never the last tenth of the window: however long
//     it is, a look that is due finds an open slot.
//   - In a lane users take turns; of a user's calls the most valuable goes first.
//
// Without a limit the lanes share only the calls under way.
type queue struct {
	window window
	lanes  []*lane // in the order in which they are served
	flying int     // calls under way
	most   int     // of them

	numbers uint64
}

// lane is one lane's calls.
type lane struct {
	id      task.Lane
	part    float64
	turns   []*turn // of the users that have a call waiting; the next one first
	waiting int
	flying  int
	most    int       // calls of the lane that may be under way
	last    time.Time // when the lane got its last slot
	since   time.Time // when the lane began to wait for its next slot
}

// turn is one user's calls, in the order in which they go.
type turn struct {
	user  string
	calls []*waiter
}

func newQueue(requests int, span time.Duration, concurrency int) *queue {
	q := &queue{window: newWindow(requests, span), most: concurrency}
	for _, g := range guaranteed {
		l := &lane{id: g.lane, part: g.part, most: concurrency}
		if g.half {
			l.most = max(1, concurrency/2)
		}
		q.lanes = append(q.lanes, l)
	}
	return q
}

func (q *queue) lane(id task.Lane) *lane {
	i := slices.IndexFunc(q.lanes, func(l *lane) bool { return l.id == id })
	return q.lanes[i]
}

// add lets a call wait.
func (q *queue) add(w *waiter, now time.Time) {
	q.numbers++
	w.number = q.numbers
	q.lane(w.lane).add(w, now)
}

func (l *lane) add(w *waiter, now time.Time) {
	if l.waiting == 0 {
		l.since = now
	}
	l.waiting++
	i := l.turnOf(w.user)
	if i < 0 {
		l.turns = append(l.turns, &turn{user: w.user})
		i = len(l.turns) - 1
	}
	t := l.turns[i]
	at, _ := slices.BinarySearchFunc(t.calls, w, func(a, b *waiter) int {
		if a.value > b.value || a.value == b.value && a.number < b.number {
			return -1
		}
		return 1
	})
	t.calls = slices.Insert(t.calls, at, w)
}

func (l *lane) turnOf(user string) int {
	return slices.IndexFunc(l.turns, func(t *turn) bool { return t.user == user })
}

// remove takes a call out of the queue. It reports whether the call was in it.
func (q *queue) remove(w *waiter) bool { return q.lane(w.lane).remove(w) }

func (l *lane) remove(w *waiter) bool {
	i := l.turnOf(w.user)
	if i < 0 {
		return false
	}
	at := slices.Index(l.turns[i].calls, w)
	if at < 0 {
		return false
	}
	l.waiting--
	l.turns[i].calls = slices.Delete(l.turns[i].calls, at, at+1)
	if len(l.turns[i].calls) == 0 {
		l.turns = slices.Delete(l.turns, i, i+1)
	}
	return true
}

// next is the call that may go now; without one, how long it is until one may: 0
// when that needs the end of a call or a new caller.
func (q *queue) next(now time.Time) (w *waiter, wait time.Duration) {
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
			return l.turns[0].calls[0], 0
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
func (q *queue) byUrgency(now time.Time) []*lane {
	order := slices.Clone(q.lanes)
	slices.SortStableFunc(order, func(a, b *lane) int {
		switch owedA, owedB := q.owed(a, now), q.owed(b, now); {
		case owedA && owedB:
			return q.owedAt(a, 1).Compare(q.owedAt(b, 1))
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

// owed reports whether the lane has waited for its part of the limit long enough.
func (q *queue) owed(l *lane, now time.Time) bool {
	return q.window.limited() && l.wants() && !now.Before(q.owedAt(l, 1)) && q.window.taken(l.id, now) < q.part(l)
}

// owedAt is when the lane is owed the n-th slot from now on.
func (q *queue) owedAt(l *lane, n int) time.Time {
	return l.since.Add(time.Duration(n) * q.allowance(l))
}

// opening is when a call of the lane may go that has so many calls of the lane
// before it. It is exact for the first call, as things are, and an estimate for the
// calls behind it.
func (q *queue) opening(l *lane, before int, now time.Time) time.Time {
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
			left = later(left, l.last.Add(q.pace(before+1)))
		}
	case task.LaneUser:
		left = q.window.opening(ahead+q.window.reserve(now), now)
	default:
		left = q.window.opening(ahead, now)
	}
	if q.window.taken(l.id, now) >= q.part(l) {
		return left
	}
	if owed := later(q.window.opening(before, now), q.owedAt(l, before+1)); owed.Before(left) {
		return owed
	}
	return left
}

// reserved is how many slots the lane leaves open for those after it that wait. One
// slot is nobody's: where the limit is one, only the order counts.
func (q *queue) reserved(l *lane, now time.Time) int {
	n := 0
	for _, other := range q.lanes {
		if other.id > l.id && other.wants() {
			n += q.rest(other, now)
		}
	}
	return min(n, max(0, q.window.limit(now)-1))
}

// wants reports whether the lane could use a slot.
func (l *lane) wants() bool { return l.waiting > 0 && l.flying < l.most }

// rest is how many slots the lane is owed within a span from now, beside those that
// its own slots in the window free for it.
func (q *queue) rest(l *lane, now time.Time) int {
	owed := int(float64(now.Add(q.window.span).Sub(l.since))/float64(q.allowance(l)) + 1e-6)
	return max(0, min(owed, q.part(l))-q.window.taken(l.id, now))
}

// part is how many slots of a window are the lane's, one at least.
func (q *queue) part(l *lane) int { return int(math.Ceil(l.part*float64(len(q.window.last)) - 1e-6)) }

// allowance is the time in which the lane's part of the limit has one slot.
func (q *queue) allowance(l *lane) time.Duration {
	if !q.window.limited() {
		return 0
	}
	return time.Duration(float64(q.window.span) / (l.part * float64(len(q.window.last))))
}

// slack is how many slots the backlog leaves open; 0 where the limit is one slot.
func (q *queue) slack(now time.Time) int {
	limit := q.window.limit(now)
	return max(0, min(max(1, limit/keptForOthers), limit-1))
}

// pace is the shortest time in which the backlog takes so many slots.
func (q *queue) pace(slots int) time.Duration {
	return time.Duration(float64(q.window.span) * float64(slots) / (paceOfBacklog * float64(len(q.window.last))))
}

// take gives the call its slot. The caller has it from next.
func (q *queue) take(w *waiter, now time.Time) *slot {
	l := q.lane(w.lane)
	i := l.turnOf(w.user)
	l.remove(w)
	if i < len(l.turns) && l.turns[i].user == w.user { // the next turn is another user's
		t := l.turns[i]
		l.turns = append(slices.Delete(l.turns, i, i+1), t)
	}
	l.since = later(now.Add(-q.allowance(l)), q.owedAt(l, 1)) // a slot that comes late delays not the next one
	if l.since.After(now) {
		l.since = now
	}
	l.last = now
	l.flying++
	q.flying++
	return q.window.take(now, w.lane)
}

// leave ends the call that used s.
func (q *queue) leave(s *slot) {
	q.lane(s.lane).flying--
	q.flying--
}

// before is how many calls of its lane go before a call that would be added now: all
// calls of its user that are worth as much, and as many of each other user.
func (q *queue) before(c claim) int {
	l := q.lane(c.lane)
	own := 0
	if i := l.turnOf(c.user); i >= 0 {
		for _, w := range l.turns[i].calls {
			if w.value >= c.value {
				own++
			}
		}
	}
	n := own
	for _, t := range l.turns {
		if t.user != c.user {
			n += min(len(t.calls), own+1)
		}
	}
	return n
}

// demand is how many slots of a span would be taken if there were enough: those that
// were taken, and the calls that wait.
func (q *queue) demand(now time.Time) int {
	n := 0
	for _, l := range q.lanes {
		n += l.waiting
	}
	for _, s := range q.window.last {
		if s != nil && s.at.Add(q.window.span).After(now) {
			n++
		}
	}
	return n
}

// all are the calls of the lane.
func (l *lane) all() []*waiter {
	var all []*waiter
	for _, t := range l.turns {
		all = append(all, t.calls...)
	}
	return all
}

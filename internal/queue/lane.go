package queue

import (
	"cmp"
	"slices"
	"time"

	"tasksync/task"
)

// Claim is what a call waits with.
type Claim struct {
	Lane  task.Lane
	User  string  // whose row it is about; in a lane users take turns
	Value float64 // of its looks: the waiting that they are expected to end
}

// Call is a call without a slot.
type Call[T any] struct {
	Claim
	Caller T // whatever the caller wants back with it

	// rank orders the calls of a user: when the call came, less its value. The longer
	// a look waits the more waiting it ends, so that a call of little value does not
	// wait for ever.
	rank   time.Time
	number uint64 // calls of the same rank are served as they came
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

// rankAt is the rank of a call that comes now.
func (c Claim) rankAt(now time.Time) time.Time {
	const most = 24 * time.Hour
	return now.Add(-min(time.Duration(min(c.Value, most.Seconds())*float64(time.Second)), most))
}

// lane is one lane's calls.
type lane[T any] struct {
	id      task.Lane
	part    float64
	turns   []*turn[T] // of the users that have a call waiting; the next one first
	waiting int
	flying  int
	most    int       // calls of the lane that may be under way
	last    time.Time // when the lane got its last slot
	since   time.Time // when the lane began to wait for its next slot
}

// turn is one user's calls, in the order in which they go.
type turn[T any] struct {
	user  string
	calls []*Call[T]
}

func (l *lane[T]) add(w *Call[T], now time.Time) {
	if l.waiting == 0 {
		l.since = now
	}
	l.waiting++
	i := l.turnOf(w.User)
	if i < 0 {
		l.turns = append(l.turns, &turn[T]{user: w.User})
		i = len(l.turns) - 1
	}
	t := l.turns[i]
	at, _ := slices.BinarySearchFunc(t.calls, w, func(a, b *Call[T]) int {
		return cmp.Or(a.rank.Compare(b.rank), cmp.Compare(a.number, b.number))
	})
	t.calls = slices.Insert(t.calls, at, w)
}

func (l *lane[T]) turnOf(user string) int {
	return slices.IndexFunc(l.turns, func(t *turn[T]) bool { return t.user == user })
}

func (l *lane[T]) remove(w *Call[T]) bool {
	i := l.turnOf(w.User)
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

// wants reports whether the lane could use a slot.
func (l *lane[T]) wants() bool { return l.waiting > 0 && l.flying < l.most }

// turn is whose call of the lane goes next: the user's who has had the fewest slots of
// the window, and of several the one whose turn is the longest ago.
func (q *Queue[T]) turn(l *lane[T], now time.Time) *turn[T] {
	q.window.expire(now)
	return slices.MinFunc(l.turns, func(a, b *turn[T]) int {
		return cmp.Compare(q.window.had[a.user], q.window.had[b.user])
	})
}

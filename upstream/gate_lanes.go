package upstream

import (
	"time"

	"tasksync/task"
)

// How the lanes share the window.
const (
	keptForOthers  = 10 // the backlog leaves one slot in ten open
	keptForBacklog = 10 // the other lanes leave the backlog one slot in ten
	paceOfBacklog  = 9  // the backlog takes at most nine slots in ten, evenly spaced
)

// opening is when a caller of the lane may go, with so many callers of the lane
// before it. It is exact for the head of the lane, as things are, and an estimate
// for the callers behind it. The caller holds the lock.
//
//   - The due lane has every slot but those that the backlog is owed.
//   - The user lane has what the due lane leaves, and leaves as many slots open
//     as it has taken.
//   - The backlog has what both leave, one slot at a time, evenly, and never the
//     last tenth of the window: however long the backlog is, a look that is due
//     finds an open slot. But a tenth of the limit is the backlog's own while it
//     waits: the backlog is owed a slot when it has had none for the time in which
//     ten slots open.
//
// Without a limit the lanes share only the calls under way.
func (g *gate) opening(l *lane, before int, now time.Time) time.Time {
	switch {
	case len(g.window.last) == 0:
		return g.window.opening(0, now)
	case l == g.backlog:
		return g.backlogOpening(before, now)
	case l == g.user:
		return g.window.opening(before+g.owed(now)+g.due.waiting+g.window.reserve(), now)
	default:
		return g.window.opening(before+g.owed(now), now)
	}
}

// backlogOpening is the earlier of two times: when the other lanes leave a slot,
// and when the backlog is owed one.
func (g *gate) backlogOpening(before int, now time.Time) time.Time {
	limit := len(g.window.last)
	slack := min(max(1, limit/keptForOthers), limit-1) // 0 where the limit is one slot
	left := g.window.opening(before+g.due.waiting+g.user.waiting+slack, now)
	if !g.backlog.last.IsZero() {
		left = later(left, g.backlog.last.Add(g.pace(before+1)))
	}
	owed := later(g.window.opening(before, now), g.backlog.since.Add(g.allowance(before+1)))
	if owed.Before(left) {
		return owed
	}
	return left
}

// pace is the shortest time in which the backlog takes so many slots.
func (g *gate) pace(slots int) time.Duration {
	return g.window.span * time.Duration(10*slots) / time.Duration(paceOfBacklog*len(g.window.last))
}

// allowance is the longest time in which the waiting backlog gets so many slots.
func (g *gate) allowance(slots int) time.Duration {
	return g.window.span * time.Duration(keptForBacklog*slots) / time.Duration(len(g.window.last))
}

// owed is how many slots the other lanes leave open for the backlog: none while
// the backlog has no caller, or has all the calls under way that it may have.
func (g *gate) owed(now time.Time) int {
	if g.backlog.waiting == 0 || g.backlog.free == 0 {
		return 0
	}
	owed := len(g.window.last)/keptForBacklog - g.window.taken(task.LaneBacklog, now)
	if !now.Before(g.backlog.since.Add(g.allowance(1))) {
		owed = max(owed, 1)
	}
	return max(owed, 0)
}

// How many call times are remembered, and for how long.
const (
	maxCallTimes = 16
	callTimeSpan = 30 * time.Second
)

// callTimes remembers how long the latest calls took. It forgets them after a
// while, since a caller that is turned away because of them adds no new time.
type callTimes struct {
	calls [maxCallTimes]struct {
		at   time.Time
		took time.Duration
	}
	next int
}

func (t *callTimes) add(now time.Time, took time.Duration) {
	t.calls[t.next].at, t.calls[t.next].took = now, took
	t.next = (t.next + 1) % maxCallTimes
}

// slowest is the longest time that a recent call took; 0 without a recent call.
func (t *callTimes) slowest(now time.Time) time.Duration {
	var longest time.Duration
	for _, c := range &t.calls {
		if now.Sub(c.at) < callTimeSpan {
			longest = max(longest, c.took)
		}
	}
	return longest
}

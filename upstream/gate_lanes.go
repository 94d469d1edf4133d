package upstream

import (
	"time"

	"tasksync/task"
)

// How much of the window is kept for others, as parts of it.
const (
	keptForOthers  = 10 // the backlog leaves one in ten slots open
	keptForBacklog = 10 // the others leave the backlog one in ten
	paceOfBacklog  = 9  // of ten slots of the window: no faster than that, and evenly
)

// opening is when the caller of the lane may go that has before others of its
// lane before it. It is exact for the head of the lane, as things are, and an
// estimate for those behind it. The caller holds the lock.
//
//   - The first lane, that of looks that rows need now, has every slot but those that
//     the backlog is owed.
//   - The lane of users has what the first one leaves, and leaves as many slots
//     open as it has taken.
//   - The backlog has what both leave, one slot at a time, evenly, and never the
//     last tenth of the window: however long it is, a look that is due finds an
//     open slot. But a tenth of the limit is its own while it waits: it is owed
//     a slot when it has had none for the time in which ten open.
//
// Without a limit the lanes share only the calls under way.
func (g *gate) opening(l *lane, before int, now time.Time) time.Time {
	switch {
	case len(g.window.last) == 0:
		return g.window.opening(0, now)
	case l == g.backlog:
		return g.backlogOpening(before, now)
	case l == g.late:
		return g.window.opening(before+g.owed(now)+g.first.waiting+g.window.reserve(), now)
	default:
		return g.window.opening(before+g.owed(now), now)
	}
}

// backlogOpening is the earlier of two times: when the others leave a slot, and
// when the backlog is owed one.
func (g *gate) backlogOpening(before int, now time.Time) time.Time {
	limit := len(g.window.last)
	slack := min(max(1, limit/keptForOthers), limit-1) // of one slot nothing can be kept
	left := g.window.opening(before+g.first.waiting+g.late.waiting+slack, now)
	if !g.backlog.last.IsZero() {
		left = later(left, g.backlog.last.Add(g.pace(before+1)))
	}
	due := later(g.window.opening(before, now), g.backlog.since.Add(g.allowance(before+1)))
	if due.Before(left) {
		return due
	}
	return left
}

// pace is the least time in which the backlog takes so many slots.
func (g *gate) pace(slots int) time.Duration {
	return g.window.span * time.Duration(10*slots) / time.Duration(paceOfBacklog*len(g.window.last))
}

// allowance is the longest time in which it gets so many while it waits.
func (g *gate) allowance(slots int) time.Duration {
	return g.window.span * time.Duration(keptForBacklog*slots) / time.Duration(len(g.window.last))
}

// owed is how many slots the other lanes leave open for the backlog. It is none
// while that has no caller, or its calls under way are all that it may have.
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

// How many calls are remembered for the time that they took, and how long.
const (
	recentCalls = 16
	recentSpan  = 30 * time.Second
)

// recent are the times that the last calls took. They are forgotten after a
// while: a caller that is turned away for them brings no new one.
type recent struct {
	calls [recentCalls]struct {
		at   time.Time
		took time.Duration
	}
	next int
}

func (r *recent) add(now time.Time, took time.Duration) {
	r.calls[r.next].at, r.calls[r.next].took = now, took
	r.next = (r.next + 1) % recentCalls
}

// slowest is the longest time that a recent call took; 0: there is none.
func (r *recent) slowest(now time.Time) time.Duration {
	var longest time.Duration
	for _, c := range &r.calls {
		if now.Sub(c.at) < recentSpan {
			longest = max(longest, c.took)
		}
	}
	return longest
}

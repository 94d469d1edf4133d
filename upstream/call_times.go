package upstream

import "time"

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

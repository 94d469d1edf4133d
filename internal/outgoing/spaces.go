package outgoing

import (
	"math/rand/v2"
	"time"
)

// spaces are the times between the attempts, nearly three days in all. An attempt counts
// only if it was made: a notification that waits for its turn, or for a daemon, loses
// nothing.
func spaces() []time.Duration {
	return []time.Duration{
		5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour,
		8 * time.Hour, 8 * time.Hour, 8 * time.Hour, 8 * time.Hour, 8 * time.Hour, 8 * time.Hour, 8 * time.Hour, 8 * time.Hour,
	}
}

// spaceAfter returns the time until the next attempt, after so many of them; false: there
// is none. It varies by a tenth, so that what failed together does not come again together.
func spaceAfter(attempts int) (time.Duration, bool) {
	all := spaces()
	if attempts > len(all) {
		return 0, false
	}
	space := all[attempts-1]
	return space*9/10 + rand.N(space/5), true
}

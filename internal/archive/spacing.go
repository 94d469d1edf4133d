package archive

import "time"

// DefaultRetention is how long files of a provider are taken to be kept that does not say.
const DefaultRetention = 3 * 24 * time.Hour

// spaces are the times between the attempts at a file; the last one repeats.
var spaces = []time.Duration{ //nolint:gochecknoglobals // a constant table
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour,
}

// goneAfter is how many attempts must find a file gone: a file that was just made may not
// be everywhere yet.
const goneAfter = 3

// leastTime is how long a file is tried for, however old it is.
const leastTime = 24 * time.Hour

// prospect is what is planned for a file whose attempt failed.
type prospect struct {
	due   time.Time
	alarm time.Time // when a quarter of the time is left
	lost  bool      // no attempt follows
}

// tries are the attempts at a file. The times are by the database's clock.
type tries struct {
	ended, planned time.Time     // the end of the row, and when the file was planned
	retention      time.Duration // of the provider
	attempts       int
	copied         bool // the copy is there, and only its URL is not in the clip yet
}

// prospectOf plans the next attempt, after one that failed. The attempts go on after the alarm, until the provider has deleted
// the file: what is in the way may be mended in the last quarter. A file that is copied needs
// the provider no more, and is not given up.
func prospectOf(now time.Time, t tries, f *failure) prospect {
	until, kept := t.ended.Add(t.retention), t.retention
	if least := t.planned.Add(leastTime); until.Before(least) {
		until, kept = least, leastTime
	}
	space := spaces[min(max(t.attempts, 1), len(spaces))-1]
	p := prospect{due: now.Add(space), alarm: until.Add(-kept / 4)}
	p.lost = !t.copied && !now.Before(until) || f.gone && t.attempts >= goneAfter
	return p
}

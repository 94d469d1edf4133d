package task

import (
	"math"
	"time"
)

// Schedule says how long to wait between two looks at a task, by its age. The
// first look is made at once. Steps are in the order of Until; the Every of the
// last step also holds after its Until.
type Schedule []Step

// Step holds for tasks younger than Until.
type Step struct{ Until, Every time.Duration }

// At is the wait after a look at a task of this age, and the age until which it
// holds.
func (s Schedule) At(age time.Duration) (every, until time.Duration) {
	every = defaultEvery
	for _, step := range s {
		if every = step.Every; age < step.Until {
			return every, step.Until
		}
	}
	return every, math.MaxInt64
}

const defaultEvery = 15 * time.Second

// How long tasks take in the runs that the schedules follow.
const (
	usualSong  = 2 * time.Minute
	usualLyric = 8 * time.Second
)

// A song is refused in the first seconds; its preview comes after 20 to 40 s,
// the first clip after a minute, the last after 100 to 170 s (runs measured by
// public apps; the provider's page recommends one look in 30 s).
var audioSchedule = Schedule{ //nolint:gochecknoglobals // a constant table
	{Until: 5 * time.Second, Every: 5 * time.Second},
	{Until: 15 * time.Second, Every: 10 * time.Second},
	{Until: 3 * time.Minute, Every: 15 * time.Second},
	{Until: 10 * time.Minute, Every: 30 * time.Second},
}

// A lyric is complete after 5 to 10 s.
var lyricsSchedule = Schedule{ //nolint:gochecknoglobals // a constant table
	{Until: 20 * time.Second, Every: 4 * time.Second},
	{Until: time.Minute, Every: 10 * time.Second},
	{Until: 10 * time.Minute, Every: 30 * time.Second},
}

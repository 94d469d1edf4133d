package task

import (
	"cmp"
	"time"
)

// next returns the time of the next look: not before retryAfter is over, but,
// while the deadline is still to come, no later than just after it.
func (d *decider) next(retryAfter time.Duration) time.Time {
	deadline := d.deadline()
	switch {
	case d.now.Before(deadline):
		if at := d.now.Add(max(d.noLongerThanAudioWait(d.every()), retryAfter)); at.Before(deadline) {
			return at
		}
		return deadline.Add(deadlineMargin)
	case d.answered && d.mem.AskedAt.IsZero():
		return d.now.Add(deadlineMargin) // this look was sent before the deadline; the next one can end the row
	}
	every := d.overdueEvery(d.waited())
	if d.mem.Doubts > 0 && d.PollInterval == 0 {
		c := d.confirmation(d.obs.Failure)
		every = max(every, c.Over/time.Duration(c.Answers))
	}
	return d.now.Add(max(d.noLongerThanAudioWait(every), min(retryAfter, longestWait)))
}

// every returns the space between this look and the next one, before the deadline:
// the fixed one, the planned one, or the schedule's. Only after an answer there is
// something to plan by.
func (d *decider) every() time.Duration {
	age := max(0, d.now.Sub(d.Began(d.now, d.g)))
	every, _ := d.h.Schedule.At(age)
	if d.answered && d.seen.Every != nil && d.PollInterval == 0 {
		every = cmp.Or(d.seen.Every(d.stage, age), every)
	}
	return cmp.Or(d.PollInterval, every)
}

// longestWait bounds the RetryAfter of a provider for a row past its deadline.
const longestWait = time.Hour

// deadlineMargin is how long after the deadline a look is due, which can end the
// row. The margin makes sure that the look is sent after the deadline, even if
// it shares a pass with rows that are due a little earlier.
const deadlineMargin = 300 * time.Millisecond

// noLongerThanAudioWait returns every, or less if the task is complete without
// audio, and the time to probe the CDN for it comes first.
func (d *decider) noLongerThanAudioWait(every time.Duration) time.Duration {
	if due := d.mem.DoneAt.Add(audioWait).Sub(d.now); !d.mem.DoneAt.IsZero() && due > 0 {
		return min(every, due)
	}
	return every
}

// waited returns how long ago the first look past the deadline was sent.
func (d *decider) waited() time.Duration {
	if d.mem.AskedAt.IsZero() {
		return 0
	}
	return d.now.Sub(d.mem.AskedAt)
}

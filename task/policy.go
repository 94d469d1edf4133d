package task

import (
	"cmp"
	"time"
)

// Policy is what Decide is free to be told. The zero value has no handlers and
// therefore skips every row; see [DefaultPolicy].
type Policy struct {
	Handlers     Handlers
	Timeout      time.Duration // deadline after the row's time began
	Grace        time.Duration // how long past its deadline a row is asked for that nobody answers
	Late         LateMode      // what a late result does; empty: LateOff
	PollInterval time.Duration // fixed space between looks; 0: the handler's schedule
	ProbeCDN     bool          // probe a derived URL before it is published; false: the specification's blind rule
	Confirm      Confirmation  // of provisional verdicts; zero: the default
}

const (
	// DefaultTimeout is the deadline of the specification.
	DefaultTimeout = 10 * time.Minute
	// DefaultGrace is how long a row waits past its deadline for an answer.
	DefaultGrace = time.Hour
)

// DefaultPolicy has the five handlers, the ten-minute deadline, an hour of grace,
// the probe, and events for late results.
func DefaultPolicy() Policy {
	return Policy{
		Handlers: DefaultHandlers(), Timeout: DefaultTimeout, Grace: DefaultGrace, Late: LateEvent, ProbeCDN: true,
	}
}

// clockSkew is how far ahead created_at may be for the clock of a client that is
// only a little wrong.
const clockSkew = 5 * time.Second

// Began is when the time of g began: at its created_at, unless its memory knows
// better, or that lies in the future.
func (p Policy) Began(now time.Time, g Generation) time.Time {
	switch {
	case !g.Memory.BeganAt.IsZero():
		return g.Memory.BeganAt
	case g.CreatedAt.Sub(now) > clockSkew:
		return now
	default:
		return g.CreatedAt
	}
}

// Deadline is when g is out of time.
func (p Policy) Deadline(now time.Time, g Generation) time.Time {
	return p.Began(now, g).Add(p.Timeout)
}

// deadlineSlack is how late the look at the deadline may be and still come before
// rows that are overdue.
const deadlineSlack = 5 * time.Second

// Overdue reports whether g is past its deadline and has had, or missed, the look
// that was due then. Looks at such rows come behind all others: see [LaneBacklog].
func (p Policy) Overdue(now time.Time, g Generation) bool {
	late := now.Sub(p.Deadline(now, g))
	return late >= deadlineSlack || late >= 0 && !g.Memory.AskedAt.IsZero()
}

// How long an overdue row waits between two looks: as long as half of the time
// since the first one, within these.
const (
	overdueLeast = 5 * time.Second
	overdueMost  = 5 * time.Minute
)

func (p Policy) overdueEvery(waited time.Duration) time.Duration {
	least := overdueLeast
	if p.PollInterval > 0 {
		least = min(least, p.PollInterval)
	}
	return min(max(waited/2, least), overdueMost)
}

// How long a row waits between two looks whose results the database refuses.
const (
	refusedLeast = 30 * time.Second
	refusedMost  = 10 * time.Minute
)

// RefusedEvery is how long to wait before the results of a row are tried again
// that the database has refused for so long. A fixed PollInterval below the least
// wait counts instead of that.
func (p Policy) RefusedEvery(since time.Duration) time.Duration {
	least := refusedLeast
	if p.PollInterval > 0 {
		least = min(least, p.PollInterval)
	}
	return min(max(since/2, least), refusedMost)
}

// confirmation is what confirms f; the default one where there is none.
func (p Policy) confirmation(f *Failure) Confirmation {
	c := DefaultConfirmation()
	c.Answers, c.Over = cmp.Or(p.Confirm.Answers, c.Answers), cmp.Or(p.Confirm.Over, c.Over)
	if f != nil {
		c.Answers, c.Over = cmp.Or(f.Confirm.Answers, c.Answers), cmp.Or(f.Confirm.Over, c.Over)
	}
	return c
}

package task

import (
	"cmp"
	"time"
)

// Policy holds the settings of Decide. The zero value has no handlers and
// therefore skips every row; see [DefaultPolicy].
type Policy struct {
	Handlers     Handlers
	Timeout      time.Duration // from the beginning of the row's time to its deadline
	Grace        time.Duration // how long a row is asked for past its deadline without an answer
	Late         LateMode      // what happens to a late result; empty: LateOff
	PollInterval time.Duration // fixed time between looks; 0: the handler's schedule
	ProbeCDN     bool          // probe a CDN URL before it is published; false: publish it blindly, as in the specification
	Confirm      Confirmation  // what confirms a provisional verdict; zero: the default
	// Statuses are those that rows can have, because the application has a word for
	// them; nil: all. A row whose status is none of them keeps the one before it.
	Statuses []Status
	// NoZone says that created_at has no time zone. Then it may be hours off, and a
	// row whose age may be no more than that begins when it is first looked at.
	NoZone bool
}

const (
	// DefaultTimeout is the deadline of the specification.
	DefaultTimeout = 10 * time.Minute
	// DefaultGrace is how long a row waits past its deadline for an answer.
	DefaultGrace = time.Hour
)

// DefaultPolicy returns the five handlers, the ten-minute deadline, an hour of
// grace, the probe, and events for late results.
func DefaultPolicy() Policy {
	return Policy{
		Handlers: DefaultHandlers(), Timeout: DefaultTimeout, Grace: DefaultGrace, Late: LateEvent, ProbeCDN: true,
	}
}

// clockSkew is how far ahead of now a created_at may lie, because the clock that
// wrote it may be a little fast.
const clockSkew = 5 * time.Second

// Began returns when the time of g began: when its memory says, else at its
// created_at; now if that is not to be believed, or if g has waited for its task until
// now.
func (p Policy) Began(now time.Time, g Generation) time.Time {
	switch {
	case g.submittedLate():
		return now
	case !g.Memory.BeganAt.IsZero():
		return g.Memory.BeganAt
	case p.misread(now, g):
		return now
	default:
		return g.CreatedAt
	}
}

// Time zones are at least leastZone apart, and at most mostZone.
const (
	leastZone = 12 * time.Minute // a quarter of an hour, and some time to be heard of
	mostZone  = 27 * time.Hour
)

// misread reports whether created_at is not to be believed: it lies in the future, or
// a time zone may be all that makes the row old.
func (p Policy) misread(now time.Time, g Generation) bool {
	age := now.Sub(g.CreatedAt)
	return age < -clockSkew || p.NoZone && age > leastZone && age < mostZone
}

// Deadline returns when the time of g is up.
func (p Policy) Deadline(now time.Time, g Generation) time.Time {
	return p.Began(now, g).Add(p.Timeout)
}

// deadlineSlack is how long after the deadline the look that is due then still
// goes before the looks at overdue rows.
const deadlineSlack = 5 * time.Second

// Overdue reports whether g is past its deadline, and the look that was due at the
// deadline was sent or missed. Looks at overdue rows come after all others: see
// [LaneBacklog].
func (p Policy) Overdue(now time.Time, g Generation) bool {
	past := now.Sub(p.Deadline(now, g))
	return past >= deadlineSlack || past >= 0 && !g.Memory.AskedAt.IsZero()
}

// The wait between two looks at an overdue row is half of the time since the first
// look past its deadline, within these bounds.
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

// The wait between two tries to store results that the database rejects is half of
// the time since the first rejection, within these bounds.
const (
	rejectedLeast = 30 * time.Second
	rejectedMost  = 10 * time.Minute
)

// RejectedEvery returns the wait before the next try to store results that the
// database has rejected for so long. A PollInterval that is shorter than the least
// wait replaces it.
func (p Policy) RejectedEvery(rejected time.Duration) time.Duration {
	least := rejectedLeast
	if p.PollInterval > 0 {
		least = min(least, p.PollInterval)
	}
	return min(max(rejected/2, least), rejectedMost)
}

// confirmation returns what confirms f: each value as f says, else the policy,
// else the default. f may be nil.
func (p Policy) confirmation(f *Failure) Confirmation {
	c := DefaultConfirmation()
	c.Answers, c.Over = cmp.Or(p.Confirm.Answers, c.Answers), cmp.Or(p.Confirm.Over, c.Over)
	if f != nil {
		c.Answers, c.Over = cmp.Or(f.Confirm.Answers, c.Answers), cmp.Or(f.Confirm.Over, c.Over)
	}
	return c
}

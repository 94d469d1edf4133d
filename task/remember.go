package task

import "time"

// provisional reports whether f counts only once it is confirmed.
func (f *Failure) provisional() bool {
	return f.Verdict == UnknownTask || f.Provisional && f.Verdict > UnknownTask
}

// isAnswer reports whether o says something about the task, and not only about a
// call that failed.
func (o *Observation) isAnswer() bool { return o.Failure == nil || o.Failure.Verdict >= UnknownTask }

// stopsGrace reports whether f means that the provider cannot be asked for any
// task now. The grace of a row must not run out meanwhile.
func (f *Failure) stopsGrace() bool { return f.Verdict == Account || f.Reason == ReasonNoCall }

// remember returns the memory of the row after this look.
func (d *decider) remember() Memory {
	mem := d.g.Memory
	if mem.BeganAt.IsZero() && d.misread(d.now, d.g) {
		mem.BeganAt = d.now
	}
	if d.g.submittedLate() {
		mem.BeganAt, mem.Reason = d.now, ""
	}
	f := d.obs.Failure
	switch {
	case d.obs.isAnswer() && f != nil && f.provisional():
		if mem.Doubts == 0 {
			mem.DoubtedAt = d.now
		}
		mem.Doubts = min(mem.Doubts+1, max(mem.Doubts, d.confirmation(f).Answers))
	case d.obs.isAnswer():
		mem.Doubts, mem.DoubtedAt = 0, time.Time{}
		mem.Rejected, mem.RejectedAt = "", time.Time{} // forgotten only if the decision on this answer can be stored
	}
	if f == nil && d.obs.Status == Complete && mem.DoneAt.IsZero() {
		mem.DoneAt = d.now
	}
	d.mem = mem
	d.noteOverdue(f)
	return d.mem
}

// noteOverdue records when the first look past the deadline was sent, and why this
// look was not answered. f is the failure of this look; nil: it has none. Before the
// deadline there is nothing to record.
func (d *decider) noteOverdue(f *Failure) {
	if d.now.Before(d.deadline()) {
		return
	}
	mem := &d.mem
	if d.sent() && mem.AskedAt.IsZero() && !d.seen.AskedAt.Before(d.deadline()) {
		mem.AskedAt = d.seen.AskedAt
	}
	switch {
	case f != nil && f.provisional(): // an answer, but an uncertain one
		d.resumeGrace()
		return
	case f == nil || f.Verdict >= TaskDead: // an answer
		mem.Reason, mem.FailingAt = "", time.Time{}
		d.resumeGrace()
		return
	}
	if f.Unsent && (!f.stopsGrace() || mem.AskedAt.IsZero()) {
		return // nothing was learned, and nothing is stored
	}
	mem.Reason = f.Reason
	if mem.FailingAt.IsZero() {
		mem.FailingAt = d.now
	}
	switch {
	case f.stopsGrace() && mem.HeldAt.IsZero():
		mem.HeldAt = d.now
	case !f.stopsGrace() && !f.Unsent:
		d.resumeGrace()
	}
}

// resumeGrace lets the grace run again if it stood still.
func (d *decider) resumeGrace() {
	if !d.mem.HeldAt.IsZero() {
		d.mem.Held += max(0, d.now.Sub(d.mem.HeldAt))
		d.mem.HeldAt = time.Time{}
	}
}

// sent reports whether a call was made for this look. The end of the grace ends a
// row only at a look with a call: a call that a limit held back, or the first call
// after hours without a daemon, may well be answered.
func (d *decider) sent() bool {
	f := d.obs.Failure
	return !d.seen.AskedAt.IsZero() && (f == nil || !f.Unsent)
}

// graceOver reports whether the row was asked for long enough without an answer.
// The grace of a row whose results the database rejects never ends: that row was
// answered, and waits for the database.
func (d *decider) graceOver() bool {
	mem := d.mem
	if mem.AskedAt.IsZero() || !mem.HeldAt.IsZero() || mem.Rejected != "" {
		return false
	}
	return d.now.Sub(mem.AskedAt) >= d.Grace+mem.Held
}

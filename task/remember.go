package task

import "time"

// provisional reports whether f counts only when it is confirmed.
func (f *Failure) provisional() bool {
	return f.Verdict == UnknownTask || f.Provisional && f.Verdict > UnknownTask
}

// answers reports whether obs is the provider's word on the task.
func (o *Observation) answers() bool { return o.Failure == nil || o.Failure.Verdict >= UnknownTask }

// holds reports whether f says that no provider can be asked at all for now: the
// grace of a row must not run out meanwhile.
func (f *Failure) holds() bool { return f.Verdict == Account || f.Reason == ReasonNoCall }

// remember is the row's memory after what was seen.
func (p *pass) remember() Memory {
	mem := p.g.Memory
	if mem.BeganAt.IsZero() && p.g.CreatedAt.Sub(p.now) > clockSkew {
		mem.BeganAt = p.now
	}
	f := p.obs.Failure
	switch {
	case p.obs.answers() && f != nil && f.provisional():
		if mem.Doubts == 0 {
			mem.DoubtedAt = p.now
		}
		mem.Doubts = min(mem.Doubts+1, max(mem.Doubts, p.confirmation(f).Answers))
	case p.obs.answers():
		mem.Doubts, mem.DoubtedAt = 0, time.Time{}
		mem.Refused, mem.RefusedAt = "", time.Time{} // stored together with what follows from the answer
	}
	if f == nil && p.obs.Status == Complete && mem.DoneAt.IsZero() {
		mem.DoneAt = p.now
	}
	p.mem = mem
	if !p.now.Before(p.deadline()) {
		p.note(f)
	}
	return p.mem
}

// note keeps, past the deadline, when the row was first asked for and why there
// was no answer; f is nil if there was.
func (p *pass) note(f *Failure) {
	mem := &p.mem
	if p.sent() && mem.AskedAt.IsZero() && !p.seen.AskedAt.Before(p.deadline()) {
		mem.AskedAt = p.seen.AskedAt
	}
	switch {
	case f != nil && f.provisional():
		p.run()
		return
	case f == nil || f.Verdict >= TaskDead:
		mem.Reason, mem.FailingAt = "", time.Time{}
		p.run()
		return
	}
	if f.Unsent && (!f.holds() || mem.AskedAt.IsZero()) {
		return // nothing was learnt: it costs no memory
	}
	mem.Reason = f.Reason
	if mem.FailingAt.IsZero() {
		mem.FailingAt = p.now
	}
	switch {
	case f.holds() && mem.HeldAt.IsZero():
		mem.HeldAt = p.now
	case !f.holds() && !f.Unsent:
		p.run()
	}
}

// run has the grace go on that stood still.
func (p *pass) run() {
	if !p.mem.HeldAt.IsZero() {
		p.mem.Held += max(0, p.now.Sub(p.mem.HeldAt))
		p.mem.HeldAt = time.Time{}
	}
}

// sent reports whether a call was made for this look. One that was not, because of
// a limit, or after hours without a daemon, may be the first of many that would be
// answered: the grace ends no row on it.
func (p *pass) sent() bool {
	f := p.obs.Failure
	return !p.seen.AskedAt.IsZero() && (f == nil || !f.Unsent)
}

// graceOver reports whether the row was asked for long enough in vain. What the
// database refuses was answered: it waits for the database.
func (p *pass) graceOver() bool {
	mem := p.mem
	if mem.AskedAt.IsZero() || !mem.HeldAt.IsZero() || mem.Refused != "" {
		return false
	}
	return p.now.Sub(mem.AskedAt) >= p.Grace+mem.Held
}

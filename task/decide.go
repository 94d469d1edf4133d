package task

import (
	"cmp"
	"fmt"
	"time"
)

// Decide judges one generation. It is pure: the same arguments give the same
// decision. It never changes a terminal status, never empties a value, and
// leaves alone rows of the V1 API and of types without a handler.
//
// A row ends
//
//   - by the provider's word: complete, refused or dead; a provisional verdict
//     only when it is confirmed and the provider can be believed;
//   - by its deadline, on an answer to a look that was sent at or after it;
//   - by the end of its grace, when nobody answered since its deadline.
//
// With results it is then completed by the CDN rule, without them failed. Until
// one of the three has happened it stays pending, however late it is: a look that
// was not sent, or not answered, ends nothing.
func (p Policy) Decide(now time.Time, g Generation, clips []Clip, seen Seen) Decision {
	h, known := p.Handlers[g.Type]
	switch {
	case g.Type == "" || !g.Status.Pending():
		return Decision{Outcome: Skipped, Reason: ReasonNotPending, Status: g.Status, Memory: g.Memory}
	case !known:
		return Decision{Outcome: Skipped, Reason: ReasonUnknownType, Status: g.Status, Memory: g.Memory}
	}
	pass := pass{Policy: p, h: h, now: now, g: g, seen: seen, obs: observation(g, seen)}
	return pass.decide(clips)
}

// pass is one run of Decide.
type pass struct {
	Policy
	h    Handler
	now  time.Time
	g    Generation
	seen Seen
	obs  Observation
	mem  Memory
	// answered: the observation is the provider's word, and is believed.
	answered bool
}

func (p *pass) decide(clips []Clip) Decision {
	m := p.Handlers.merge(clips, p.h.MapToClips(p.g, p.obs.Items), parseWritten(p.g.Memory.Written))
	p.mem = p.remember()
	failure, vouch := p.settle(m)
	dead := failure != nil && failure.Verdict == TaskDead
	switch {
	case vouch:
		return Decision{Vouch: true, Status: p.g.Status, Memory: p.g.Memory}
	case dead && m.completeResult():
		return p.move(m, Complete) // what the dead task still shows as done is the user's
	case failure != nil && failure.Verdict >= TaskDead && p.obs.Failure.provisional() && (dead || p.hasResults(m)) && p.timedOut():
		return p.timeout(m) // with the results of before, which may be enough
	case failure != nil && failure.Verdict >= TaskDead:
		return p.fail(m, failure.Code, failure.Message)
	case failure == nil:
		if d, ended := p.progress(m); ended {
			return d
		}
	}
	if p.timedOut() {
		return p.timeout(m)
	}
	return p.wait(m, failure)
}

// progress follows the provider's report of a task that goes well. ended is false
// if only the deadline can end it.
func (p *pass) progress(m *merged) (d Decision, ended bool) {
	status := p.g.Status.Join(p.h.DeriveStatus(p.obs.Status, m.ofResults()))
	if p.obs.Status == Complete && !status.Terminal() {
		probe := p.complete(m)
		if len(probe) > 0 {
			return Decision{Probe: probe, Status: p.g.Status, Memory: p.g.Memory}, true
		}
		status = p.g.Status.Join(p.h.DeriveStatus(p.obs.Status, m.ofResults()))
	}
	switch {
	case status == Failed:
		code, message := itemFailure(p.obs.Items)
		return p.fail(m, code, message), true
	case status == Complete, !p.timedOut():
		return p.move(m, status), true
	}
	return d, false
}

// observation is what was seen. An account failure touches no row, so nothing
// that came with it counts.
func observation(g Generation, seen Seen) Observation {
	obs := seen.Observation
	switch {
	case obs == nil && g.TaskID == "":
		return Observation{Failure: &Failure{Reason: ReasonNoTaskID, Unsent: true}}
	case obs == nil:
		return Observation{Failure: &Failure{Reason: ReasonNotReported, Unsent: true}}
	case obs.Failure != nil && obs.Failure.Verdict == Account:
		return Observation{Failure: obs.Failure}
	default:
		return *obs
	}
}

// settle turns a provisional verdict into what it comes to. vouch asks whether
// the provider can be believed, before its word ends the row.
func (p *pass) settle(m *merged) (f *Failure, vouch bool) {
	f = p.obs.Failure
	if f == nil || !f.provisional() {
		p.answered = p.obs.answers()
		return f, false
	}
	settled := *f
	settled.Provisional = false
	switch {
	case !p.confirmed(f), p.now.Before(p.deadline()) && p.hasResults(m):
		settled.Verdict = Transient
	case p.seen.Vouch == VouchUnasked:
		return nil, true
	case p.seen.Vouch == VouchRefused:
		settled.Verdict, settled.Reason = Transient, ReasonKnowsNone
		p.note(&settled)
	case f.Verdict == UnknownTask:
		settled.Verdict = TaskDead
		settled.Message = cmp.Or(f.Message, "The provider does not know this task.")
	}
	p.answered = settled.Verdict != Transient
	return &settled, false
}

func (p *pass) confirmed(f *Failure) bool {
	c := p.confirmation(f)
	return p.mem.Doubts >= c.Answers && p.now.Sub(p.mem.DoubtedAt) >= c.Over
}

// hasResults reports whether the task has given its user something already.
func (p *pass) hasResults(m *merged) bool {
	for _, c := range m.clips {
		if p.worth(c) {
			return true
		}
	}
	return false
}

func (p *pass) deadline() time.Time { return p.Deadline(p.now, p.g) }

// timedOut reports whether the row is out of time: it is past its deadline, and
// the provider answered a look that was sent then, or its grace is over, or there
// is nobody to ask.
func (p *pass) timedOut() bool {
	switch {
	case p.now.Before(p.deadline()):
		return false
	case p.g.TaskID == "":
		return true
	case p.answered && p.askedLate():
		return true
	}
	return p.sent() && p.graceOver()
}

// askedLate reports whether the look was sent at or after the deadline.
func (p *pass) askedLate() bool {
	return !p.seen.AskedAt.IsZero() && !p.seen.AskedAt.Before(p.deadline())
}

// move writes what was learned; status is complete or pending.
func (p *pass) move(m *merged, status Status) Decision {
	d := Decision{Outcome: Synced, Status: status}
	if status.Terminal() {
		m.close()
		p.mem = Memory{}
	} else {
		d.Next = p.next(0)
		p.mem.Written = m.written.String()
	}
	d.Clips, d.Memory = m.changed(), p.mem
	if d.Status == p.g.Status && len(d.Clips) == 0 {
		d.Outcome, d.Reason = Skipped, ReasonUnchanged
	}
	return d
}

// wait leaves the row as it is, but for items that came with the failure.
func (p *pass) wait(m *merged, f *Failure) Decision {
	p.mem.Written = m.written.String()
	d := Decision{
		Outcome: Skipped, Reason: cmp.Or(f.Reason, f.Verdict.String()), Status: p.g.Status,
		Clips: m.changed(), Memory: p.mem, Next: p.next(f.RetryAfter),
	}
	if len(d.Clips) > 0 {
		d.Outcome = Synced
	}
	return d
}

func (p *pass) fail(m *merged, code Code, message string) Decision {
	m.close()
	code = cmp.Or(code, APIError)
	return Decision{
		Outcome: OutFail, Reason: string(code), Status: Failed, Clips: m.changed(),
		ErrorCode: code, ErrorMessage: cmp.Or(Redact(message), "The provider failed the task without saying why."),
	}
}

// itemFailure is the failure of a task whose every item failed: the first
// that says why.
func itemFailure(items []Item) (Code, string) {
	for _, it := range items {
		if it.Failure != nil {
			return it.Failure.Code, it.Failure.Message
		}
	}
	return APIError, ""
}

// next is when to look again: after retryAfter at least, and once at the
// deadline, which is never slept through.
func (p *pass) next(retryAfter time.Duration) time.Time {
	deadline := p.deadline()
	switch {
	case p.now.Before(deadline):
		every, _ := p.h.Schedule.At(max(0, p.now.Sub(p.Began(p.now, p.g))))
		every = cmp.Or(p.PollInterval, every)
		if at := p.now.Add(max(p.soon(every), retryAfter)); at.Before(deadline) {
			return at
		}
		return deadline.Add(deadlineMargin)
	case p.answered && p.mem.AskedAt.IsZero():
		return p.now.Add(deadlineMargin) // asked before the deadline: the look that ends the row is due
	}
	every := p.overdueEvery(p.waited())
	if p.mem.Doubts > 0 && p.PollInterval == 0 {
		c := p.confirmation(p.obs.Failure)
		every = max(every, c.Over/time.Duration(c.Answers))
	}
	return p.now.Add(max(p.soon(every), min(retryAfter, longestWait)))
}

// longestWait is the most that a provider can make a row wait past its deadline.
const longestWait = time.Hour

// deadlineMargin is how long after the deadline the look is due that ends the
// row, so that it is sent after it even if it shares the pass of an earlier one.
const deadlineMargin = 300 * time.Millisecond

// soon is every, or less where something is due before: the rule for tasks that
// are done without audio.
func (p *pass) soon(every time.Duration) time.Duration {
	if due := p.mem.DoneAt.Add(doneGrace).Sub(p.now); !p.mem.DoneAt.IsZero() && due > 0 {
		return min(every, due)
	}
	return every
}

// waited is how long the row has been asked for past its deadline.
func (p *pass) waited() time.Duration {
	if p.mem.AskedAt.IsZero() {
		return 0
	}
	return p.now.Sub(p.mem.AskedAt)
}

// timeoutMessage is the specification's text, for whatever the deadline is.
func timeoutMessage(d time.Duration) string {
	if d%time.Minute == 0 && d > time.Minute {
		return fmt.Sprintf("%s%d minutes.", TimeoutPrefix, d/time.Minute)
	}
	return fmt.Sprintf("%s%s.", TimeoutPrefix, d)
}

// TimeoutPrefix begins the error_message of every row that was failed because its
// time was up.
const TimeoutPrefix = "Task timed out after "

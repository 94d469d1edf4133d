package task

import (
	"cmp"
	"fmt"
	"time"
)

// Decide judges one generation. It is pure: the same arguments give the same
// decision. It never changes a terminal status, never empties a value, and never
// touches a row of the V1 API or of a type without a handler.
//
// A row ends
//
//   - by what the provider says: complete, refused or dead; by a provisional verdict
//     only when it is confirmed and the provider can be believed;
//   - by its deadline, on an answer to a look that was sent at or after the deadline;
//   - by the end of its grace, if no look since its deadline was answered.
//
// At its deadline, and at the end of its grace, a row is completed if a result can
// be played or read, and failed if not. By the CDN rule, a result without final
// audio gets the address at which Suno's CDN serves that audio. Until one of the
// three happens the row stays pending, however late it is: a look that was not sent
// ends nothing, nor does a look without an answer before the grace is over. The time of
// a row that waits for its task to be submitted begins with the task's id.
func (p Policy) Decide(now time.Time, g Generation, clips []Clip, seen Seen) Decision {
	h, known := p.Handlers[g.Type]
	switch {
	case g.Type == "" || !g.Status.Pending():
		return Decision{Outcome: OutcomeSkipped, Reason: ReasonNotPending, Status: g.Status, Memory: g.Memory}
	case !known:
		return Decision{Outcome: OutcomeSkipped, Reason: ReasonUnknownType, Status: g.Status, Memory: g.Memory}
	case g.Unsubmitted:
		return p.awaitTask(now, g)
	}
	d := decider{Policy: p, h: h, now: now, g: g, seen: seen, obs: observation(g, seen)}
	return d.decide(clips)
}

// decider makes one decision: it holds the arguments of Decide, and what is
// worked out from them.
type decider struct {
	Policy
	h    Handler
	now  time.Time
	g    Generation
	seen Seen
	obs  Observation
	mem  Memory
	// answered: the observation is an answer about the task, and is believed.
	answered bool
	stage    Stage // that the answer shows
}

// decide applies the rules of [Policy.Decide], the provider's word before the clock.
func (d *decider) decide(clips []Clip) Decision {
	results := d.h.MapToClips(d.g, d.obs.Items)
	d.stage = stageOf(results)
	m := d.Handlers.merge(clips, results, parseWritten(d.g.Memory.Written))
	d.mem = d.remember()
	failure, vouch := d.settle(m)
	dead := failure != nil && failure.Verdict == TaskDead
	switch {
	case vouch:
		return Decision{Vouch: true, Status: d.g.Status, Memory: d.g.Memory}
	case dead && m.hasCompleteResult():
		return d.move(m, Complete) // the user keeps what the provider has finished of the dead task
	case failure != nil && failure.Verdict >= TaskDead && d.obs.Failure.provisional() && (dead || d.hasResults(m)) && d.timedOut():
		return d.timeout(m) // once the time is up, the user keeps the results of earlier looks
	case failure != nil && failure.Verdict >= TaskDead:
		return d.fail(m, failure.Code, failure.Message)
	case failure == nil:
		if out, decided := d.progress(m); decided {
			return out
		}
	}
	if d.timedOut() {
		return d.timeout(m)
	}
	return d.wait(m, failure)
}

// progress decides on an observation without a failure. decided is false if the
// observation does not end the row, and its time is up.
func (d *decider) progress(m *merged) (out Decision, decided bool) {
	status := d.g.Status.Join(d.h.DeriveStatus(d.obs.Status, m.resultClips()))
	if d.obs.Status == Complete && !status.Terminal() {
		probe := d.completeFromCDN(m)
		if len(probe) > 0 {
			return Decision{Probe: probe, Status: d.g.Status, Memory: d.g.Memory}, true
		}
		status = d.g.Status.Join(d.h.DeriveStatus(d.obs.Status, m.resultClips()))
	}
	switch {
	case status == Failed:
		code, message := itemFailure(d.obs.Items)
		return d.fail(m, code, message), true
	case status == Complete, !d.timedOut():
		return d.move(m, status), true
	}
	return out, false
}

// observation returns the observation to judge; if nothing was seen, one whose
// failure says why. An account failure changes no row, so the items that came with
// it do not count.
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

// settle replaces a provisional verdict with what it means now: transient until it
// is confirmed and, for a row that has results, until the deadline; final after
// that. vouch is true if the verdict would end the row, and it is not known yet
// whether the provider can be believed.
func (d *decider) settle(m *merged) (f *Failure, vouch bool) {
	f = d.obs.Failure
	if f == nil || !f.provisional() {
		d.answered = d.obs.isAnswer()
		return f, false
	}
	settled := *f
	settled.Provisional = false
	switch {
	case !d.confirmed(f), d.now.Before(d.deadline()) && d.hasResults(m):
		settled.Verdict = Transient
	case d.seen.Vouch == VouchUnasked:
		return nil, true
	case d.seen.Vouch == NotVouched:
		settled.Verdict, settled.Reason = Transient, ReasonKnowsNone
		d.noteOverdue(&settled)
	case f.Verdict == UnknownTask:
		settled.Verdict = TaskDead
		settled.Message = cmp.Or(f.Message, "The provider does not know this task.")
	}
	d.answered = settled.Verdict != Transient
	return &settled, false
}

// confirmed reports whether f was repeated often enough, and for long enough.
func (d *decider) confirmed(f *Failure) bool {
	c := d.confirmation(f)
	return d.mem.Doubts >= c.Answers && d.now.Sub(d.mem.DoubtedAt) >= c.Over
}

// hasResults reports whether a clip of the row can be played or read.
func (d *decider) hasResults(m *merged) bool {
	for _, c := range m.clips {
		if d.playable(c) {
			return true
		}
	}
	return false
}

func (d *decider) deadline() time.Time { return d.Deadline(d.now, d.g) }

// timedOut reports whether the row must end now. Before the deadline it is false.
// After the deadline the row must end if it has no task id, so that no look can be
// made; if this look was sent at or after the deadline and was answered; or if the
// grace is over.
func (d *decider) timedOut() bool {
	switch {
	case d.now.Before(d.deadline()):
		return false
	case d.g.TaskID == "":
		return true
	case d.answered && d.askedPastDeadline():
		return true
	}
	return d.sent() && d.graceOver()
}

// askedPastDeadline reports whether the look was sent at or after the deadline.
func (d *decider) askedPastDeadline() bool {
	return !d.seen.AskedAt.IsZero() && !d.seen.AskedAt.Before(d.deadline())
}

// move returns the decision that writes what was learned; status is complete or
// pending.
func (d *decider) move(m *merged, status Status) Decision {
	status = d.reachable(status)
	out := Decision{Outcome: OutcomeSynced, Status: status, Stage: d.stage}
	if status.Terminal() {
		m.failPending()
		d.mem = Memory{}
	} else {
		out.Next = d.next(0)
		d.mem.Written = m.written.String()
	}
	out.Clips, out.Memory = m.changed(), d.mem
	if out.Status == d.g.Status && len(out.Clips) == 0 {
		out.Outcome, out.Reason = OutcomeSkipped, ReasonUnchanged
	}
	return out
}

// reachable returns the furthest status up to s that the row can have, which is not
// behind the one that it has.
func (d *decider) reachable(s Status) Status {
	if len(d.Statuses) == 0 || s.Terminal() {
		return s
	}
	best := d.g.Status
	for _, has := range d.Statuses {
		if has.rank() <= s.rank() {
			best = best.Join(has)
		}
	}
	return best
}

// wait returns the decision that leaves the row as it is, except for the items
// that came with failure f.
func (d *decider) wait(m *merged, f *Failure) Decision {
	d.mem.Written = m.written.String()
	out := Decision{
		Outcome: OutcomeSkipped, Reason: cmp.Or(f.Reason, f.Verdict.String()), Status: d.g.Status,
		Clips: m.changed(), Memory: d.mem, Next: d.next(f.RetryAfter),
	}
	if len(out.Clips) > 0 {
		out.Outcome = OutcomeSynced
	}
	return out
}

// fail returns the decision that fails the row.
func (d *decider) fail(m *merged, code Code, message string) Decision {
	m.failPending()
	code = cmp.Or(code, APIError)
	return Decision{
		Outcome: OutcomeFailed, Reason: string(code), Status: Failed, Clips: m.changed(),
		ErrorCode: code, ErrorMessage: cmp.Or(Redact(message), "The provider failed the task without saying why."),
	}
}

// itemFailure returns the code and the message of a task whose items all failed:
// those of the first item that has a failure.
func itemFailure(items []Item) (Code, string) {
	for _, it := range items {
		if it.Failure != nil {
			return it.Failure.Code, it.Failure.Message
		}
	}
	return APIError, ""
}

// timeoutMessage returns the specification's text for a timeout of d.
func timeoutMessage(d time.Duration) string {
	if d%time.Minute == 0 && d > time.Minute {
		return fmt.Sprintf("%s%d minutes.", TimeoutPrefix, d/time.Minute)
	}
	return fmt.Sprintf("%s%s.", TimeoutPrefix, d)
}

// TimeoutPrefix begins the error_message of every row that was failed because
// its time was up.
const TimeoutPrefix = "Task timed out after "

package task

import (
	"cmp"
	"fmt"
	"time"
)

// Policy is what Decide is free to be told. The zero value has no handlers and
// therefore skips every row; see [DefaultPolicy].
type Policy struct {
	Handlers     Handlers
	Timeout      time.Duration // deadline after created_at
	PollInterval time.Duration // fixed space between looks; 0: the handler's schedule
	ProbeCDN     bool          // probe a derived URL before it is published; false: the specification's blind rule
}

// DefaultTimeout is the deadline of the specification.
const DefaultTimeout = 10 * time.Minute

// DefaultPolicy has the five handlers, the ten-minute deadline and the probe.
func DefaultPolicy() Policy {
	return Policy{Handlers: DefaultHandlers(), Timeout: DefaultTimeout, ProbeCDN: true}
}

// Seen is what a pass found out about one generation.
type Seen struct {
	Observation *Observation     // nil: the upstream did not report the task
	Probes      map[string]Probe // by URL, for those that an earlier decision asked for
	First       bool             // nobody has looked at this task before
}

// Outcome is how a pass ended for one generation, in the specification's words.
type Outcome string

// The outcomes.
const (
	Synced  Outcome = "synced"  // something was written
	Skipped Outcome = "skipped" // nothing to write; the reason says why
	OutFail Outcome = "failed"  // the generation, or the writing of it, failed
)

// Reasons of skipped and failed outcomes, beside the error codes and the
// reasons that adapters give their failures.
const (
	ReasonNotPending  = "not_pending"
	ReasonNotFound    = "not_found"
	ReasonUnknownType = "unknown_task_type"
	ReasonNoTaskID    = "no_task_id"
	ReasonNotReported = "not_reported"
	ReasonUnchanged   = "unchanged"
	ReasonTimeout     = "timeout"
)

// Decision is what follows from one look at one generation.
type Decision struct {
	Outcome Outcome
	Reason  string
	Status  Status // the generation's status from now on
	// ErrorCode and ErrorMessage are set when Status turns failed.
	ErrorCode    Code
	ErrorMessage string
	Clips        []Clip    // clips to write, as they are to be; those without ID are new
	Next         time.Time // when to look again; zero: never
	TimedOut     bool      // the deadline made the decision
	// Probe lists URLs that must be probed before this can be decided; ask
	// again with [Seen.Probes]. Everything else is then unset.
	Probe []string
}

// Writes reports whether there is anything to commit for g.
func (d Decision) Writes(g Generation) bool { return d.Status != g.Status || len(d.Clips) > 0 }

// Deadline is when g is out of time.
func (p Policy) Deadline(g Generation) time.Time { return g.CreatedAt.Add(p.Timeout) }

// Decide judges one generation. It is pure: the same arguments give the same
// decision. It never changes a terminal status, never empties a value, and
// leaves alone rows of the V1 API and of types without a handler.
func (p Policy) Decide(now time.Time, g Generation, clips []Clip, seen Seen) Decision {
	h, known := p.Handlers[g.Type]
	switch {
	case g.Type == "" || !g.Status.Pending():
		return Decision{Outcome: Skipped, Reason: ReasonNotPending, Status: g.Status}
	case !known:
		return Decision{Outcome: Skipped, Reason: ReasonUnknownType, Status: g.Status}
	}
	pass := pass{Policy: p, h: h, now: now, g: g, seen: seen}
	return pass.decide(clips)
}

// pass is one run of Decide.
type pass struct {
	Policy
	h    Handler
	now  time.Time
	g    Generation
	seen Seen
}

func (p *pass) decide(clips []Clip) Decision {
	obs := p.observation()
	m := merge(clips, p.h.MapToClips(p.g, obs.Items))
	failure := p.settle(obs.Failure)
	switch {
	case failure != nil && failure.Verdict == TaskDead && m.completeResult():
		return p.move(m, Complete) // what the dead task still shows as done is the user's
	case failure != nil && failure.Verdict >= TaskDead:
		return p.fail(m, failure.Code, failure.Message)
	case failure == nil:
		status := p.g.Status.Join(p.h.DeriveStatus(obs.Status, m.ofResults()))
		if status == Failed {
			code, message := itemFailure(obs.Items)
			return p.fail(m, code, message)
		}
		if status == Complete || !p.timedOut() {
			return p.move(m, status)
		}
	}
	if p.timedOut() {
		return p.timeout(m)
	}
	return p.wait(m, failure)
}

// observation is what was seen. An account failure touches no row, so nothing
// that came with it counts.
func (p *pass) observation() Observation {
	obs := p.seen.Observation
	switch {
	case obs == nil:
		return Observation{Failure: p.unseen()}
	case obs.Failure != nil && obs.Failure.Verdict == Account:
		return Observation{Failure: obs.Failure}
	default:
		return *obs
	}
}

// unseen is why there is no observation.
func (p *pass) unseen() *Failure {
	if p.g.TaskID == "" {
		return &Failure{Reason: ReasonNoTaskID}
	}
	return &Failure{Reason: ReasonNotReported}
}

// unknownGrace is how long a provider may not know a task that it accepted. Nor
// is the first look enough: a row may be older than its task.
const unknownGrace = time.Minute

// settle turns the verdict that depends on the age of the task into one that
// does not.
func (p *pass) settle(f *Failure) *Failure {
	if f == nil || f.Verdict != UnknownTask {
		return f
	}
	settled := *f
	settled.Verdict = TaskDead
	settled.Message = cmp.Or(f.Message, "The provider does not know this task.")
	if p.seen.First || p.now.Sub(p.g.CreatedAt) < unknownGrace {
		settled.Verdict = Transient
	}
	return &settled
}

func (p *pass) timedOut() bool { return !p.now.Before(p.Deadline(p.g)) }

// move writes what was learned; status is complete or pending.
func (p *pass) move(m *merged, status Status) Decision {
	d := Decision{Outcome: Synced, Status: status}
	if status.Terminal() {
		m.close()
	} else {
		d.Next = p.next(0)
	}
	d.Clips = m.changed()
	if !d.Writes(p.g) {
		d.Outcome, d.Reason = Skipped, ReasonUnchanged
	}
	return d
}

// wait leaves the row as it is, but for items that came with the failure.
func (p *pass) wait(m *merged, f *Failure) Decision {
	d := Decision{Outcome: Skipped, Reason: cmp.Or(f.Reason, f.Verdict.String()), Status: p.g.Status, Clips: m.changed(), Next: p.next(f.RetryAfter)}
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
	every := cmp.Or(p.PollInterval, p.h.Schedule.every(max(0, p.now.Sub(p.g.CreatedAt))))
	at := p.now.Add(max(every, retryAfter))
	if deadline := p.Deadline(p.g); at.After(deadline) {
		at = deadline
	}
	return at
}

// timeoutMessage is the specification's text, for whatever the deadline is.
func timeoutMessage(d time.Duration) string {
	if d%time.Minute == 0 && d > time.Minute {
		return fmt.Sprintf("Task timed out after %d minutes.", d/time.Minute)
	}
	return fmt.Sprintf("Task timed out after %s.", d)
}

package task

import "time"

// Seen is what a pass found out about one generation.
type Seen struct {
	// Observation is nil if no call about the task was finished.
	Observation *Observation
	// AskedAt is when the pass began to ask for the task, before any call was sent;
	// zero: it did not ask.
	AskedAt time.Time
	// Every plans how long to wait until the next look, after an answer that found
	// the row under way in this stage and at this age. Nil, and 0: the schedule.
	Every  func(stage Stage, age time.Duration) time.Duration
	Probes map[string]Probe // by URL: answers what an earlier decision asked with Probe
	Vouch  Vouch            // answers what an earlier decision asked with Vouch
}

// SentAt is when the call about the task was sent: what its answer tells of the task
// was true then, or came true after it.
func (s Seen) SentAt() time.Time {
	if s.Observation == nil {
		return s.AskedAt
	}
	return s.AskedAt.Add(s.Observation.Waited)
}

// Vouch says whether a provisional verdict of a provider can be believed: whether
// the provider still knows another task.
type Vouch int

// The answers to [Decision.Vouch].
const (
	VouchUnasked Vouch = iota
	Vouched            // the provider knows another task that it must know
	NotVouched         // it does not know that task either, did not answer, or there is none to ask for
)

// Outcome is how a pass ended for one generation, in the specification's words.
//
// OutcomeFailed has two meanings, which [Decision.Reason] and the result of the
// pass tell apart: the generation failed and was written as failed, which is a
// pass like any other; or the pass could not do its work for the generation,
// which then stays as it was.
type Outcome string

// The outcomes.
const (
	OutcomeSynced  Outcome = "synced"  // something was written
	OutcomeSkipped Outcome = "skipped" // nothing to write; the reason says why
	OutcomeFailed  Outcome = "failed"  // the generation failed, or the pass could not do its work for it
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
	// ReasonPaused: an operator has paused the calls to the provider.
	ReasonPaused = "paused"
	// ReasonKnowsNone: the provider gave a verdict that counts only if the provider
	// knows another task, and that is not so.
	ReasonKnowsNone = "knows_no_task"
	// ReasonNoCall: a server does not know the address of the call. The failure is
	// [Transient], and stops the grace as an account failure does.
	ReasonNoCall = "no_such_call"
	// ReasonBreakerOpen: no call was made, because the last calls found the provider
	// down. Callers may log it: the one who does not make the call does not.
	ReasonBreakerOpen = "breaker_open"
)

// Decision is what follows from one look at one generation.
type Decision struct {
	Outcome Outcome
	Reason  string
	Status  Status // the generation's status from now on
	// ErrorCode and ErrorMessage are set when Status turns failed.
	ErrorCode    Code
	ErrorMessage string
	Clips        []Clip    // clips to write, with all their values; a clip without ID is new
	Memory       Memory    // what to remember from now on
	Stage        Stage     // that the answer showed
	Next         time.Time // when to look again; zero: never
	TimedOut     bool      // the deadline made the decision
	Late         bool      // a late result made the decision
	// Probe lists URLs that the caller must probe before it decides again with
	// [Seen.Probes]. If Probe or Vouch is set, Status and Memory are unchanged, and
	// all other fields are unset.
	Probe []string
	// Vouch asks whether the provider still knows another task. The caller must find
	// that out before it decides again with [Seen.Vouch].
	Vouch bool
}

// Writes reports whether the decision changes g, its clips or its memory.
func (d Decision) Writes(g Generation) bool {
	return d.Status != g.Status || len(d.Clips) > 0 || d.Memory != g.Memory
}

// Open reports whether the caller must answer Probe or Vouch, and decide again.
func (d Decision) Open() bool { return len(d.Probe) > 0 || d.Vouch }

package task

import "time"

// Seen is what a pass found out about one generation.
type Seen struct {
	// Observation is nil if no call for the task came to an end.
	Observation *Observation
	// AskedAt is when the pass began to ask, before it sent any call; zero: it asked
	// for nothing.
	AskedAt time.Time
	// Every plans how long to wait until the next look, after an answer that found
	// the row under way in this stage and at this age. Nil, and 0: the schedule.
	Every  func(stage Stage, age time.Duration) time.Duration
	Probes map[string]Probe // by URL: what an earlier decision asked for with Probe
	Vouch  Vouch            // what an earlier decision asked for with Vouch
}

// Vouch says whether a provider can be believed when it does not know a task.
type Vouch int

// The answers to [Decision.Vouch].
const (
	VouchUnasked Vouch = iota
	Vouched            // the provider knows another task that it must know
	NotVouched         // it does not know that task either, or there is none to ask for
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
	OutcomeFailed  Outcome = "failed"  // the generation failed, or it could not be written
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
	// ReasonKnowsNone: the provider does not know the task, nor another one that it
	// must know.
	ReasonKnowsNone = "knows_no_task"
	// ReasonNoCall: a gateway does not know the address of the call. The failure is
	// [Transient], and stops the grace like a failure of the account.
	ReasonNoCall = "no_such_call"
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
	Late         bool      // a result that came after the end made it
	// Probe lists URLs that must be probed before this can be decided: probe them,
	// and decide again with [Seen.Probes]. Status and Memory are then unchanged, and
	// all other fields are unset. The same holds for Vouch.
	Probe []string
	// Vouch asks whether the provider still knows a task that it must know: find
	// that out, and decide again with [Seen.Vouch].
	Vouch bool
}

// Writes reports whether the decision changes anything of g.
func (d Decision) Writes(g Generation) bool {
	return d.Status != g.Status || len(d.Clips) > 0 || d.Memory != g.Memory
}

// Open reports whether Probe or Vouch must be answered before this can be
// decided.
func (d Decision) Open() bool { return len(d.Probe) > 0 || d.Vouch }

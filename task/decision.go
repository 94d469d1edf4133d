package task

import "time"

// Seen is what a pass found out about one generation.
type Seen struct {
	// Observation is nil when no call for the task came to an end.
	Observation *Observation
	// AskedAt is when the pass began to ask; zero: it did not. A call is sent at
	// that time or later.
	AskedAt time.Time
	Probes  map[string]Probe // by URL, for those that an earlier decision asked for
	Vouch   Vouch            // what an earlier decision asked for
}

// Vouch tells whether a provider can be believed that it does not know a task.
type Vouch int

// The answers to [Decision.Vouch].
const (
	VouchUnasked Vouch = iota
	Vouched            // it knows another task, of which it is certain that it must
	VouchRefused       // it knows none, or there is none to ask for: something is wrong
)

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
	// ReasonKnowsNone is for a provider that does not know the task, nor others
	// that it must know.
	ReasonKnowsNone = "knows_no_task"
	// ReasonNoCall is that of a [Transient] failure when a gateway does not know
	// the address: like an account's, it stops the grace.
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
	Clips        []Clip    // clips to write, as they are to be; those without ID are new
	Memory       Memory    // what to remember from now on
	Next         time.Time // when to look again; zero: never
	TimedOut     bool      // the deadline made the decision
	Late         bool      // a result that came after the end made it
	// Probe lists URLs that must be probed before this can be decided; ask
	// again with [Seen.Probes]. Everything else is then unset, as it is with Vouch.
	Probe []string
	// Vouch wants to know whether the provider still knows tasks that it must
	// know; ask again with [Seen.Vouch].
	Vouch bool
}

// Writes reports whether there is anything to commit for g.
func (d Decision) Writes(g Generation) bool {
	return d.Status != g.Status || len(d.Clips) > 0 || d.Memory != g.Memory
}

// Open reports whether something has to be found out before this can be decided.
func (d Decision) Open() bool { return len(d.Probe) > 0 || d.Vouch }

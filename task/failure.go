package task

import (
	"fmt"
	"time"
)

// Code says why a generation failed, in the words of
// music_generations.error_code.
type Code string

// The codes of the specification. InvalidRequest is for validation errors that are
// not about content, APIError for everything that is not the user's doing.
const (
	ProducerTag          Code = "PRODUCER_TAG"
	Copyrighted          Code = "COPYRIGHTED"
	InappropriateContent Code = "INAPPROPRIATE_CONTENT"
	ModerationFlagged    Code = "MODERATION_FLAGGED"
	MalformedPrompt      Code = "MALFORMED_PROMPT"
	InvalidRequest       Code = "INVALID_REQUEST"
	APIError             Code = "API_ERROR"
)

// Codes returns all of them.
func Codes() []Code {
	return []Code{ProducerTag, Copyrighted, InappropriateContent, ModerationFlagged, MalformedPrompt, InvalidRequest, APIError}
}

// Verdict is what a failure means for the row.
type Verdict int

// The verdicts, the mildest first.
const (
	// Transient: the call failed or the provider is busy. The row stays
	// pending; look again later, not before RetryAfter.
	Transient Verdict = iota
	// Account: key, credits or subscription. No row changes; calls with that
	// credential pause.
	Account
	// UnknownTask: the provider does not know the task. The verdict is always
	// provisional, and becomes [TaskDead] when it is confirmed: see
	// [Failure.Provisional].
	UnknownTask
	// TaskDead: the provider ended the task, not for its content. The row fails at
	// once, as [APIError]: polling again is useless.
	TaskDead
	// Permanent: content or validation. The row fails at once, with the failure's
	// code and the provider's text.
	Permanent
)

// String returns the verdict as logs and metric labels show it.
func (v Verdict) String() string {
	switch v {
	case Transient:
		return "transient"
	case Account:
		return "account"
	case UnknownTask:
		return "unknown_task"
	case TaskDead:
		return "task_dead"
	case Permanent:
		return "permanent"
	default:
		return fmt.Sprintf("verdict(%d)", int(v))
	}
}

// Failure is a classified failure of a call, a task or an item. Adapters return
// it as an error when a whole call failed.
type Failure struct {
	Verdict    Verdict
	Code       Code          // set if Verdict is Permanent or TaskDead
	Message    string        // the provider's text, redacted by [Redact]
	RetryAfter time.Duration // the least time to wait; 0: as the schedule says
	// Reason is a short constant word for logs, results and metric labels,
	// like "rate_limited" or "http_5xx".
	Reason string
	// Provisional marks a verdict on the task that counts only when the provider
	// repeats it: see [Confirmation]. Until then the row stays pending. An
	// [UnknownTask] is provisional without this mark.
	Provisional bool `json:",omitzero"`
	// Confirm is what confirms a provisional verdict; zero: as the policy says.
	Confirm Confirmation `json:",omitzero"`
	// Unsent marks a call that was not made, because of a limit, a pause or an
	// open breaker. The cause is logged where it arose, except that of a breaker: see
	// [ReasonBreakerOpen].
	Unsent bool `json:",omitzero"`
}

// Confirmation is how many provisional verdicts on a task the provider must give,
// without another answer in between, and over how long, before they count. A call
// that failed in between does not change the count.
type Confirmation struct {
	Answers int
	Over    time.Duration
}

// DefaultConfirmation returns three answers over a minute.
func DefaultConfirmation() Confirmation { return Confirmation{Answers: 3, Over: time.Minute} }

// Error implements error.
func (f *Failure) Error() string {
	if f.Message == "" {
		return fmt.Sprintf("%s (%s)", f.Reason, f.Verdict)
	}
	return fmt.Sprintf("%s (%s): %s", f.Reason, f.Verdict, f.Message)
}

// PartError is the error of a Fetch that stopped before it had made a call for
// every task: the failure concerns all tasks, but a call was made for some of them
// only. Any other error of a Fetch holds alike for all tasks without an
// observation.
type PartError struct {
	Err   error
	Asked map[string]bool // ids of the tasks that a call was made for
}

// Error implements error.
func (e *PartError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *PartError) Unwrap() error { return e.Err }

package task

import (
	"fmt"
	"time"
)

// Code is why a generation failed, as music_generations.error_code has it.
type Code string

// The codes of the specification, with InvalidRequest for validation errors
// that concern no content and APIError for all that is not the user's doing.
const (
	ProducerTag          Code = "PRODUCER_TAG"
	Copyrighted          Code = "COPYRIGHTED"
	InappropriateContent Code = "INAPPROPRIATE_CONTENT"
	ModerationFlagged    Code = "MODERATION_FLAGGED"
	MalformedPrompt      Code = "MALFORMED_PROMPT"
	InvalidRequest       Code = "INVALID_REQUEST"
	APIError             Code = "API_ERROR"
)

// Verdict is what follows from a failure.
type Verdict int

// The verdicts, from the mildest on.
const (
	// Transient: the call failed or the provider is busy. The row stays
	// pending; look again later, not before RetryAfter.
	Transient Verdict = iota
	// Account: key, credits or subscription. Touches no row; calls with that
	// credential pause.
	Account
	// UnknownTask: the provider does not know the task. Always provisional, and
	// [TaskDead] when it is confirmed: see [Failure.Provisional].
	UnknownTask
	// TaskDead: the provider ended the task, not for its content. Failed at
	// once as [APIError]: polling again is useless.
	TaskDead
	// Permanent: content or validation. Failed at once with the failure's code
	// and the provider's text.
	Permanent
)

// String is the verdict as logs and metric labels have it.
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

// Failure is a classified failure of a call, a task or an item. As an error it
// is what adapters return when a whole call failed.
type Failure struct {
	Verdict    Verdict
	Code       Code          // for Permanent and TaskDead
	Message    string        // the provider's text, redacted by [Redact]
	RetryAfter time.Duration // the least time to wait; 0: the schedule's own
	// Reason is a short constant word for logs, results and metric labels,
	// like "rate_limited" or "http_5xx".
	Reason string
	// Provisional marks a verdict on the task that counts only when the provider
	// gives it again and again: see [Confirmation]. Until then the row stays
	// pending. That of [UnknownTask] always is.
	Provisional bool `json:",omitzero"`
	// Confirm is what confirms a provisional verdict; zero: the policy's own.
	Confirm Confirmation `json:",omitzero"`
	// Unsent marks a call that was not made, because of a limit, a pause or an
	// open breaker: whoever decided that has said so.
	Unsent bool `json:",omitzero"`
}

// Confirmation is how often, and over how long, a provider must give
// provisional verdicts on a task in a row before they count. An answer that knows
// the task begins the count anew; a call that failed does not touch it.
type Confirmation struct {
	Answers int
	Over    time.Duration
}

// DefaultConfirmation is three answers over a minute.
func DefaultConfirmation() Confirmation { return Confirmation{Answers: 3, Over: time.Minute} }

// Error implements error.
func (f *Failure) Error() string {
	if f.Message == "" {
		return fmt.Sprintf("%s (%s)", f.Reason, f.Verdict)
	}
	return fmt.Sprintf("%s (%s): %s", f.Reason, f.Verdict, f.Message)
}

// PartError is the error of a Fetch whose failure concerns all tasks, but came of
// calls for some: no call was made for the others. An error that is none speaks for
// tasks that were asked for.
type PartError struct {
	Err   error
	Asked map[string]bool // ids of the tasks that such a call was made for
}

// Error implements error.
func (e *PartError) Error() string { return e.Err.Error() }

// Unwrap is the failure.
func (e *PartError) Unwrap() error { return e.Err }

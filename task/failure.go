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
	// UnknownTask: the provider does not know the task. Transient for the
	// first minute of a generation's life, [TaskDead] after it.
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
	// Unsent marks a call that was not made, because of a limit, a pause or an
	// open breaker: whoever decided that has said so.
	Unsent bool `json:",omitzero"`
}

// Error implements error.
func (f *Failure) Error() string {
	if f.Message == "" {
		return fmt.Sprintf("%s (%s)", f.Reason, f.Verdict)
	}
	return fmt.Sprintf("%s (%s): %s", f.Reason, f.Verdict, f.Message)
}

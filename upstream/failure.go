package upstream

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"tasksync/task"
)

// The reasons of failures that arise here. Adapters use them too, where theirs
// mean the same.
const (
	ReasonTimeout       = "timeout"              // no answer, or not all of it, in time
	ReasonNetwork       = "network"              // no connection, or it broke
	ReasonHTTP4xx       = "http_4xx"             // a status that no rule knows
	ReasonHTTP5xx       = "http_5xx"             // the provider is in trouble
	ReasonBadBody       = "bad_body"             // not what was asked for: HTML, empty, cut, no record
	ReasonTooLarge      = "too_large"            // more than the limit of a body; a smaller question may help
	ReasonRateLimited   = "rate_limited"         // the provider says so; closes the window
	ReasonTurnedAway    = "rate_limited_locally" // no call was made: there would be no slot, or no answer, before the caller's deadline
	ReasonUnauthorized  = "unauthorized"         // the key is refused
	ReasonAccountPaused = "account_paused"       // no call was made: an account verdict stands
	ReasonBadTaskID     = "bad_task_id"          // no call was made: the id of the task can be none
	ReasonBreakerOpen   = "breaker_open"         // no call was made: the last ones found the upstream down
	ReasonNoCall        = task.ReasonNoCall      // a gateway does not know the address: a wrong base URL, or it is in trouble
	ReasonUnknownTask   = "unknown_task"         // the provider does not know the task
	ReasonTaskFailed    = "task_failed"          // the provider ended the task
	ReasonRefused       = "refused"              // the provider refuses what the task asks for
	ReasonBadRequest    = "bad_request"          // the provider does not want to be asked so
	ReasonBusy          = "busy"                 // the provider says so
	ReasonUnknownCode   = "unknown_code"         // a code that no rule knows
	ReasonAccount       = "account"              // the provider's code refuses the account
	ReasonCredits       = "credits"              // the provider's code says that the account has none
)

// BadBody is the failure of an answer that is not what was asked for.
func BadBody(message string) *task.Failure { return transient(ReasonBadBody, message) }

// ConcernsAll reports whether f would be the fate of the next call too, whatever
// it asks for. A refusal by the breaker would not: it lets out calls about tasks
// that have not failed.
func ConcernsAll(f *task.Failure) bool {
	switch f.Reason {
	case ReasonRateLimited, ReasonTurnedAway:
		return true
	}
	return f.Verdict == task.Account
}

// AboutContent reports whether a code blames the content of a task. What else is
// wrong with a call may be wrong with how we ask.
func AboutContent(c task.Code) bool {
	switch c {
	case task.ProducerTag, task.Copyrighted, task.InappropriateContent, task.ModerationFlagged, task.MalformedPrompt:
		return true
	default:
		return false
	}
}

func transient(reason, message string) *task.Failure {
	return &task.Failure{Verdict: task.Transient, Reason: reason, Message: message}
}

// statusFailure is what an HTTP status means by itself; nil: the answer may be
// good.
func statusFailure(status int) *task.Failure {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &task.Failure{Verdict: task.Account, Reason: ReasonUnauthorized}
	case http.StatusPaymentRequired:
		return &task.Failure{Verdict: task.Account, Reason: "credits"}
	case http.StatusTooManyRequests:
		return transient(ReasonRateLimited, "")
	case http.StatusRequestTimeout:
		return transient(ReasonTimeout, "")
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return transient(ReasonNoCall, "")
	}
	switch {
	case status >= 500:
		return transient(ReasonHTTP5xx, "")
	case status >= 400:
		return transient(ReasonHTTP4xx, "")
	case status >= 300:
		return BadBody("")
	}
	return nil
}

// maxRetryAfter bounds what a provider may ask for: no row waits for longer than
// its own deadline anyway, and a wrong clock must not stop us for a day.
const maxRetryAfter = time.Hour

// retryAfter reads the header of that name: seconds, or a date of HTTP.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	var wait time.Duration
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 {
		wait = time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

package upstream

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"tasksync/task"
)

// NoSuchCall reports whether an HTTP status says that the server does not know the
// address of the call.
func NoSuchCall(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// statusFailure is what an HTTP status means by itself; nil when the answer may be
// good.
func statusFailure(status int) *task.Failure {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return Account(ReasonUnauthorized, "")
	case http.StatusPaymentRequired:
		return Account(ReasonCredits, "")
	case http.StatusTooManyRequests:
		return Transient(ReasonRateLimited, "")
	case http.StatusRequestTimeout:
		return Transient(ReasonTimeout, "")
	}
	switch {
	case NoSuchCall(status):
		return Transient(ReasonNoCall, "")
	case status >= 500:
		return Transient(ReasonHTTP5xx, "")
	case status >= 400:
		return Transient(ReasonHTTP4xx, "")
	case status >= 300:
		return BadBody("")
	}
	return nil
}

// maxRetryAfter bounds the wait that a provider may ask for: no row waits longer
// than its own deadline anyway, and a wrong clock must not stop all calls for a day.
const maxRetryAfter = time.Hour

// retryAfter reads the header Retry-After: seconds, or an HTTP date.
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

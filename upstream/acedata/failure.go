package acedata

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// meaning is what a code means as the error of a call.
type meaning struct {
	verdict task.Verdict
	reason  string
	sure    bool // the code says it all; otherwise a known text says more
}

// codes are the codes on the provider's pages, and not_found, which is on none.
var codes = map[string]meaning{
	"bad_request":         {verdict: task.UnknownTask, reason: upstream.ReasonUnknownTask}, // a call holds nothing but ids
	"not_found":           {verdict: task.UnknownTask, reason: upstream.ReasonUnknownTask},
	"api_not_implemented": {verdict: task.Account, reason: "api_not_implemented", sure: true}, // not with this key or URL
	"token_mismatched":    {verdict: task.Account, reason: upstream.ReasonUnauthorized, sure: true},
	"invalid_token":       {verdict: task.Account, reason: upstream.ReasonUnauthorized, sure: true},
	"forbidden":           {verdict: task.Account, reason: upstream.ReasonUnauthorized, sure: true},
	"disabled":            {verdict: task.Account, reason: upstream.ReasonAccount, sure: true},
	"too_many_requests":   {verdict: task.Transient, reason: upstream.ReasonRateLimited, sure: true},
	"api_error":           {verdict: task.Transient, reason: upstream.ReasonHTTP5xx},
	"timeout":             {verdict: task.Transient, reason: upstream.ReasonTimeout, sure: true},
}

// texts are what the text of a call's error can mean where the code is not sure.
var texts = map[task.Verdict]meaning{
	task.UnknownTask: {verdict: task.UnknownTask, reason: upstream.ReasonUnknownTask},
	task.Transient:   {verdict: task.Transient, reason: upstream.ReasonBusy},
}

// callFailure is the failure of a call without a record: by a text about the content,
// then by the code, then by the text; nil if all are unknown, and the HTTP status has
// to decide. A verdict on a task counts if the call asked for that task alone.
func callFailure(status int, err upstream.ErrorField) *task.Failure {
	if f := refusedTask(status, err); f != nil {
		return f
	}
	m, known := codes[strings.ToLower(err.Code)]
	if _, verdict, ok := task.Classify(err.Message); ok && !m.sure && (!known || verdict != m.verdict) {
		if byText, ok := texts[verdict]; ok {
			m, known = byText, true
		} else if verdict == task.Account && m.verdict == task.UnknownTask {
			// Only a code blames the account, since the text may be about one task; but
			// a text about the account says nothing about a task.
			m = meaning{verdict: task.Transient, reason: upstream.ReasonUnknownCode}
		}
	}
	if !known && status < 300 {
		m, known = meaning{verdict: task.Transient, reason: upstream.ReasonBadBody}, true
	}
	if !known {
		return nil
	}
	message := cmp.Or(err.Message, fmt.Sprintf("The provider answered with HTTP %d, code %q.", status, err.Code))
	if m.verdict == task.UnknownTask {
		return upstream.Unknown(message)
	}
	return &task.Failure{Verdict: m.verdict, Code: task.APIError, Reason: m.reason, Message: message}
}

// refusedTask is the failure of a call that is refused for its task's content or
// parameters; nil for any other. forbidden and HTTP 403 count too, with such a text.
func refusedTask(status int, err upstream.ErrorField) *task.Failure {
	f := upstream.Refusal(err.Message)
	switch {
	case status == http.StatusUnauthorized || status == http.StatusTooManyRequests || status >= 500:
		return nil
	case upstream.Blames(f):
		f.Provisional = !upstream.AboutContent(f.Code)
		return f
	case err.Given() && (status == http.StatusConflict || status == http.StatusUnavailableForLegalReasons):
		f = upstream.Permanent(task.InvalidRequest, cmp.Or(err.Message, fmt.Sprintf("The provider refused the request (HTTP %d).", status)))
		f.Provisional = true
		return f
	}
	return nil
}

// taskFailure is the failure of a task that its provider ended. bad_request blames the
// parameters, unless a known text says something else.
func taskFailure(err upstream.ErrorField, raw string) *task.Failure {
	if f := upstream.Refusal(err.Message, err.Code); f != nil {
		return f
	}
	message := cmp.Or(err.Message, fmt.Sprintf("The provider ended the task with %s.", cmp.Or(raw, "an error")))
	if _, _, ok := task.Classify(err.Message); !ok && strings.EqualFold(err.Code, "bad_request") {
		return upstream.Permanent(task.InvalidRequest, message)
	}
	return upstream.Dead(message)
}

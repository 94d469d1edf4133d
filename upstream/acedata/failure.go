package acedata

import (
	"cmp"
	"fmt"
	"net/http"

	"tasksync/task"
	"tasksync/upstream"
)

// rule is what a code means as the error of a call.
type rule struct {
	verdict task.Verdict
	reason  string
	sure    bool // the code says it all; else a text that is known says more
}

// rules are the codes of the provider's pages. not_found is on none of them.
var rules = map[string]rule{
	"bad_request":         {verdict: task.UnknownTask, reason: upstream.ReasonUnknownTask}, // all that a call holds is ids
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

// textRules are what the text of a call's error can mean where its code leaves it
// open.
var textRules = map[task.Verdict]rule{
	task.UnknownTask: {verdict: task.UnknownTask, reason: upstream.ReasonUnknownTask},
	task.Transient:   {verdict: task.Transient, reason: upstream.ReasonBusy},
}

// callFailure is the verdict on a call that brought no record: a text about the
// content first, then the code, then the text; nil if all are unknown and the HTTP
// status has to say what it is. What it says of a task holds if that was asked for
// alone.
func callFailure(status int, err upstream.ErrorField) *task.Failure {
	if f := refusedTask(status, err); f != nil {
		return f
	}
	r, known := rules[err.Code.Word()]
	if _, verdict, ok := task.Classify(string(err.Message)); ok && !r.sure && (!known || verdict != r.verdict) {
		if byText, ok := textRules[verdict]; ok {
			r, known = byText, true
		} else if verdict == task.Account && r.verdict == task.UnknownTask {
			// An account is blamed by a code only, since the text may be one task's;
			// but what is said of an account says nothing of a task.
			r = rule{verdict: task.Transient, reason: upstream.ReasonUnknownCode}
		}
	}
	if !known && status < 300 {
		r, known = rule{verdict: task.Transient, reason: upstream.ReasonBadBody}, true
	}
	if !known {
		return nil
	}
	message := cmp.Or(string(err.Message), fmt.Sprintf("The provider answered with HTTP %d, code %q.", status, err.Code))
	if r.verdict == task.UnknownTask {
		return upstream.Unknown(message)
	}
	return &task.Failure{Verdict: r.verdict, Code: task.APIError, Reason: r.reason, Message: message}
}

// refusedTask is the verdict on a call that is refused for what its task is about;
// nil if it is not. forbidden and HTTP 403 are that too, with such a text.
func refusedTask(status int, err upstream.ErrorField) *task.Failure {
	f := upstream.Refusal(string(err.Message))
	switch {
	case status == http.StatusUnauthorized || status == http.StatusTooManyRequests || status >= 500:
		return nil
	case upstream.Blames(f):
		f.Provisional = !upstream.AboutContent(f.Code)
		return f
	case err.Given() && (status == http.StatusConflict || status == http.StatusUnavailableForLegalReasons):
		f = upstream.Permanent(task.InvalidRequest, cmp.Or(string(err.Message), fmt.Sprintf("The provider refused the request (HTTP %d).", status)))
		f.Provisional = true
		return f
	}
	return nil
}

// ending is the failure of a task that its provider ended. bad_request says that
// the request was at fault, unless the text is known to say something else.
func ending(err upstream.ErrorField, raw string) *task.Failure {
	if f := upstream.Refusal(string(err.Message), string(err.Code)); f != nil {
		return f
	}
	message := cmp.Or(string(err.Message), fmt.Sprintf("The provider ended the task with %s.", cmp.Or(raw, "an error")))
	if _, _, ok := task.Classify(string(err.Message)); !ok && err.Code.Word() == "bad_request" {
		return upstream.Permanent(task.InvalidRequest, message)
	}
	return upstream.Dead(message)
}

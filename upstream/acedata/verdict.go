package acedata

import (
	"cmp"
	"fmt"

	"tasksync/task"
	"tasksync/upstream"
)

// Reasons of failures beside those of package upstream.
const (
	reasonUnknownTask = "unknown_task"
	reasonBadRequest  = "bad_request"
	reasonAccount     = "account"
	reasonBusy        = "busy"
	reasonRefused     = "refused"
	reasonTaskFailed  = "task_failed"
)

// rule is what a code means as the error of a call.
type rule struct {
	verdict task.Verdict
	reason  string
	sure    bool // the code says it all; else a text that is known says more
}

// rules are the codes of the provider's pages. not_found is on none of them.
var rules = map[string]rule{
	"bad_request":         {verdict: task.UnknownTask, reason: reasonUnknownTask}, // all that a call holds is ids
	"not_found":           {verdict: task.UnknownTask, reason: reasonUnknownTask},
	"api_not_implemented": {verdict: task.Account, reason: "api_not_implemented", sure: true}, // not with this key or URL
	"token_mismatched":    {verdict: task.Account, reason: upstream.ReasonUnauthorized, sure: true},
	"invalid_token":       {verdict: task.Account, reason: upstream.ReasonUnauthorized, sure: true},
	"forbidden":           {verdict: task.Account, reason: upstream.ReasonUnauthorized, sure: true},
	"disabled":            {verdict: task.Account, reason: reasonAccount, sure: true},
	"too_many_requests":   {verdict: task.Transient, reason: upstream.ReasonRateLimited, sure: true},
	"api_error":           {verdict: task.Transient, reason: upstream.ReasonHTTP5xx},
	"timeout":             {verdict: task.Transient, reason: upstream.ReasonTimeout, sure: true},
}

// callFailure is the verdict on a call that brought no record: by the code, then
// by the text; nil if both are unknown and the HTTP status has to say what it
// is. It is never permanent: what is refused here is the call. Only if it asked
// for one task it can say that the provider does not know that.
func callFailure(status int, err upstream.Trouble, one bool) *task.Failure {
	r, known := rules[err.Code.Word()]
	if _, verdict, ok := task.Classify(string(err.Message)); ok && !r.sure {
		if byText, ok := textRules[verdict]; ok && (!known || verdict != r.verdict) {
			r, known = byText, true
		}
	}
	if !known && status < 300 {
		r, known = rule{verdict: task.Transient, reason: upstream.ReasonBadBody}, true
	}
	if !known {
		return nil
	}
	if r.verdict == task.UnknownTask && !one {
		r = rule{verdict: task.Transient, reason: reasonBadRequest}
	}
	message := cmp.Or(string(err.Message), fmt.Sprintf("The provider answered with HTTP %d, code %q.", status, err.Code))
	return &task.Failure{Verdict: r.verdict, Code: task.APIError, Reason: r.reason, Message: message}
}

// textRules are what the text of a call's error can mean. A text about content,
// or of the end of a task, means nothing there.
var textRules = map[task.Verdict]rule{
	task.Account:     {verdict: task.Account, reason: reasonAccount},
	task.UnknownTask: {verdict: task.UnknownTask, reason: reasonUnknownTask},
	task.Transient:   {verdict: task.Transient, reason: reasonBusy},
}

// refusal is the permanent failure that the error in a record speaks of; nil if
// it speaks of none. The code may be the only word for it.
func refusal(err upstream.Trouble) *task.Failure {
	for _, word := range []upstream.Text{err.Message, err.Code} {
		if class, verdict, ok := task.Classify(string(word)); ok && verdict == task.Permanent {
			return permanent(class, cmp.Or(string(err.Message), string(err.Code)))
		}
	}
	return nil
}

// ending is the failure of a task that its provider ended. bad_request says that
// the request was at fault, unless the text is known to say something else.
func ending(err upstream.Trouble, raw string) *task.Failure {
	if f := refusal(err); f != nil {
		return f
	}
	message := cmp.Or(string(err.Message), fmt.Sprintf("The provider ended the task with %s.", cmp.Or(raw, "an error")))
	if _, _, ok := task.Classify(string(err.Message)); !ok && err.Code.Word() == "bad_request" {
		return permanent(task.InvalidRequest, message)
	}
	return dead(message)
}

// itemEnding is the failure of one clip that its provider calls failed.
func itemEnding(err upstream.Trouble) *task.Failure {
	if f := refusal(err); f != nil {
		return f
	}
	return dead(cmp.Or(string(err.Message), "The provider could not make this item."))
}

func permanent(code task.Code, message string) *task.Failure {
	return &task.Failure{Verdict: task.Permanent, Code: code, Reason: reasonRefused, Message: message}
}

func dead(message string) *task.Failure {
	return &task.Failure{Verdict: task.TaskDead, Code: task.APIError, Reason: reasonTaskFailed, Message: message}
}

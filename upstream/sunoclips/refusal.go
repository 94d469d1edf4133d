package sunoclips

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// Reasons of failures beside those of package upstream.
const (
	reasonUnknownTask = "unknown_task"
	reasonBadRequest  = "bad_request" // the provider does not want to be asked so
	reasonAccount     = "account"
	reasonCredits     = "credits"
	reasonRefused     = "refused"
	reasonTaskFailed  = "task_failed"
)

// refusal is the permanent failure that an error_message, or else an error_type
// speaks of; nil if neither does. The type is only a bucket (moderation_failure
// holds copyright as well), so the message comes first.
func refusal(kind, message string) *task.Failure {
	for _, words := range []string{message, kind} {
		if code, verdict, known := task.Classify(words); known && verdict == task.Permanent {
			return &task.Failure{Verdict: task.Permanent, Code: code, Reason: reasonRefused, Message: cmp.Or(message, kind)}
		}
	}
	return nil
}

func dead(message string) *task.Failure {
	return &task.Failure{Verdict: task.TaskDead, Code: task.APIError, Reason: reasonTaskFailed, Message: message}
}

// callFailure is the verdict on a call that brought nothing, but perhaps
// {"detail": "…"}; nil: the HTTP status has to say what it is. It is never one on
// the content: a request that only asks how things stand has none.
func callFailure(ans upstream.Answer, missing string) *task.Failure {
	body, _ := upstream.Object[struct {
		Detail upstream.Text `json:"detail"`
	}](ans.Body)
	detail := string(body.Detail)
	f := &task.Failure{Code: task.APIError, Message: cmp.Or(detail, fmt.Sprintf("HTTP %d", ans.Status))}
	_, verdict, _ := task.Classify(detail)
	switch {
	case ans.Status == http.StatusUnauthorized || ans.Status == http.StatusForbidden:
		f.Verdict, f.Reason = task.Account, upstream.ReasonUnauthorized
	case ans.Status == http.StatusPaymentRequired:
		f.Verdict, f.Reason = task.Account, reasonCredits
	case verdict == task.Account:
		f.Verdict, f.Reason = task.Account, reasonAccount
	case ans.Status == http.StatusTooManyRequests:
		f.Reason = upstream.ReasonRateLimited
	case verdict == task.UnknownTask, ans.Status == http.StatusNotFound && namesWhatIsMissing(detail):
		f.Verdict, f.Reason = task.UnknownTask, reasonUnknownTask
	case ans.Status == http.StatusBadRequest, ans.Status == http.StatusUnprocessableEntity:
		f.Reason = reasonBadRequest
	case ans.Status < 300:
		return upstream.BadBody(fmt.Sprintf("HTTP %d, there is no %s in the answer", ans.Status, missing))
	default:
		return nil
	}
	return f
}

// mendedByLess reports whether a call for fewer clips may succeed where f came: it
// may be about some of the ids, or about what all of them come to.
func mendedByLess(f *task.Failure) bool {
	return f.Verdict == task.UnknownTask || f.Reason == reasonBadRequest || f.Reason == upstream.ReasonTooLarge
}

// namesWhatIsMissing tells "Clip not found" from the "Not Found" that a server
// says of a path that it does not have.
func namesWhatIsMissing(detail string) bool {
	detail = strings.ToLower(detail)
	for _, thing := range []string{"clip", "song", "lyric"} {
		if strings.Contains(detail, thing) {
			return true
		}
	}
	return false
}

package sunoclips

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// callFailure is the verdict on a call that brought nothing, but perhaps
// {"detail": "…"}; nil: the HTTP status has to say what it is. What it says of a
// clip holds if that was asked for alone. It is never a verdict on the content, and
// blames the account by the HTTP status only: the text may be one clip's.
func callFailure(ans upstream.Answer, missing string) *task.Failure {
	detail := upstream.ParseFields(ans.Body).Text("detail")
	message := cmp.Or(detail, fmt.Sprintf("HTTP %d", ans.Status))
	_, verdict, known := task.Classify(detail)
	switch {
	case ans.Status == http.StatusUnauthorized || ans.Status == http.StatusForbidden:
		return upstream.Account(upstream.ReasonUnauthorized, message)
	case ans.Status == http.StatusPaymentRequired:
		return upstream.Account(upstream.ReasonCredits, message)
	case ans.Status == http.StatusTooManyRequests:
		return upstream.Transient(upstream.ReasonRateLimited, message)
	case verdict == task.UnknownTask, ans.Status == http.StatusNotFound && namesWhatIsMissing(detail):
		return upstream.Unknown(message)
	case ans.Status == http.StatusBadRequest, ans.Status == http.StatusUnprocessableEntity:
		if known && verdict < task.UnknownTask { // which says nothing of a clip
			return upstream.Transient(upstream.ReasonBadRequest, message)
		}
		return upstream.Unknown(message) // all that a call holds is ids
	case ans.Status < 300:
		return upstream.BadBody(fmt.Sprintf("HTTP %d, there is no %s in the answer", ans.Status, missing))
	}
	return nil
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

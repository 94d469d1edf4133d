package sunoclips

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// callFailure is the failure of a call whose answer has at most {"detail": "…"}; nil
// when the HTTP status has to decide. A verdict on a clip counts if the call asked for
// that clip alone. It is never about the content, and only the HTTP status blames the
// account: the text may be about one clip.
func callFailure(ans upstream.Answer, missing string) *task.Failure {
	detail := ans.Value().Fields().Text("detail")
	message := cmp.Or(detail, fmt.Sprintf("HTTP %d", ans.Status))
	_, verdict, known := task.Classify(detail)
	switch {
	case ans.Status == http.StatusUnauthorized || ans.Status == http.StatusForbidden:
		return upstream.Account(upstream.ReasonUnauthorized, message)
	case ans.Status == http.StatusPaymentRequired:
		return upstream.Account(upstream.ReasonCredits, message)
	case ans.Status == http.StatusTooManyRequests:
		return upstream.Transient(upstream.ReasonRateLimited, message)
	case verdict == task.UnknownTask, ans.Status == http.StatusNotFound && namesClip(detail):
		return upstream.Unknown(message)
	case ans.Status == http.StatusBadRequest, ans.Status == http.StatusUnprocessableEntity:
		if known && verdict < task.UnknownTask { // it says nothing about a clip
			return upstream.Transient(upstream.ReasonBadRequest, message)
		}
		return upstream.Unknown(message) // a call holds nothing but ids
	case ans.Status < 300:
		return upstream.BadBody(fmt.Sprintf("HTTP %d, there is no %s in the answer", ans.Status, missing))
	}
	return nil
}

// namesClip tells "Clip not found" from the "Not Found" of a server that does not have
// the path.
func namesClip(detail string) bool {
	detail = strings.ToLower(detail)
	return slices.ContainsFunc([]string{"clip", "song", "lyric"}, func(thing string) bool { return strings.Contains(detail, thing) })
}

// noClipID is the failure of a task without a clip id.
func noClipID() *task.Failure {
	return &task.Failure{
		Verdict: task.UnknownTask, Code: task.APIError, Reason: upstream.ReasonBadTaskID, Provisional: true,
		Message: "The task id is no clip id, and no clip id of the task is known.",
	}
}

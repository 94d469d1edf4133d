package sunoproxy

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// callFailure is the verdict on an answer that brought no task: by a text about
// the content, then by its code, then by the text, then by the HTTP status; nil
// leaves it to the client. What it says of a task holds if that was asked for
// alone. An account is blamed by a code only: the text may be one task's.
func callFailure(env envelope, status int) *task.Failure {
	message := cmp.Or(env.text(), fmt.Sprintf("The provider answered with code %s.", cmp.Or(env.Code, env.Error.Code)))
	if len(message) > 1<<10 {
		message = strings.ToValidUTF8(message[:1<<10], "")
	}
	code := cmp.Or(env.Error.Code, env.Code)
	word := strings.ReplaceAll(code.Word(), "_", " ")
	_, byCode, _ := task.Classify(word)
	_, byText, _ := task.Classify(env.text())
	refused := upstream.Refusal(env.text(), word)
	switch {
	case upstream.Blames(refused):
		refused.Message, refused.Provisional = message, !upstream.AboutContent(refused.Code)
		return refused
	case byCode == task.Account, strings.Contains(word, "quota"):
		return upstream.Account(upstream.ReasonAccount, message)
	case byText == task.UnknownTask, byCode == task.UnknownTask:
		return upstream.Unknown(message)
	}
	if status < http.StatusTooManyRequests {
		for _, text := range []string{env.text(), word} {
			if _, verdict, known := task.Classify(text); known && verdict == task.Transient {
				return upstream.Transient(busyReason(text), message)
			}
		}
	}
	if f := numbered(code, message); f != nil && status < 400 {
		return f
	}
	switch {
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		if byText == task.Account { // that says nothing of a task
			return upstream.Transient(upstream.ReasonBadRequest, message)
		}
		return upstream.Unknown(message) // all that a call holds is ids
	case status >= 400:
		return nil
	}
	return upstream.Transient(upstream.ReasonUnknownCode, message)
}

// numbered is what a number for a code says of the task that was asked for; nil if
// that is nothing. It counts if the provider says it again.
func numbered(code upstream.Text, message string) (f *task.Failure) {
	n, _ := strconv.Atoi(string(code))
	switch n {
	case 400, 404, 422:
		if strings.Contains(message, "/") { // a path that the server does not have
			return upstream.Transient(upstream.ReasonNoCall, message)
		}
		return upstream.Unknown(message)
	case 408, 501, 531:
		f = upstream.Dead(message)
	case 409, 451, 505:
		f = upstream.Permanent(task.InvalidRequest, message)
	default:
		return nil
	}
	f.Provisional = true
	return f
}

func busyReason(text string) string {
	text = strings.ToLower(text)
	if strings.Contains(text, "rate limit") || strings.Contains(text, "too many requests") || strings.Contains(text, "call frequency") {
		return upstream.ReasonRateLimited
	}
	return upstream.ReasonBusy
}

// ending is the failure of a task that its provider ended: by its text, then by
// those of its clips, then by the status itself.
func ending(word, text string, items []task.Item) *task.Failure {
	if f := upstream.Refusal(text); f != nil {
		return f
	}
	for _, it := range items {
		if it.Failure != nil && (text == "" || it.Failure.Verdict == task.Permanent) {
			f := *it.Failure
			return &f
		}
	}
	return upstream.Dead(cmp.Or(text, fmt.Sprintf("The provider ended the task with %s.", word)))
}

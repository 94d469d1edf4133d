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

// callFailure is the failure of an answer without a task: by a text about the
// content, then by the code, then by the text, then by the HTTP status; nil leaves it
// to the client. A verdict on a task counts if the call asked for that task alone.
// Only a code blames the account: the text may be about one task.
func callFailure(env envelope, status int) *task.Failure {
	message := cmp.Or(env.text, fmt.Sprintf("The provider answered with code %s.", cmp.Or(env.code, env.err.Code)))
	if len(message) > 1<<10 {
		message = strings.ToValidUTF8(message[:1<<10], "")
	}
	code := cmp.Or(env.err.Code, env.code)
	word := strings.ReplaceAll(strings.ToLower(code), "_", " ")
	_, byCode, _ := task.Classify(word)
	_, byText, _ := task.Classify(env.text)
	refused := upstream.Refusal(env.text, word)
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
		for _, text := range []string{env.text, word} {
			if _, verdict, known := task.Classify(text); known && verdict == task.Transient {
				return upstream.Transient(busyReason(text), message)
			}
		}
	}
	if f := codeFailure(code, message); f != nil && status < 400 {
		return f
	}
	switch {
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		if byText == task.Account { // it says nothing about a task
			return upstream.Transient(upstream.ReasonBadRequest, message)
		}
		return upstream.Unknown(message) // a call holds nothing but ids
	case status >= 400:
		return nil
	}
	return upstream.Transient(upstream.ReasonUnknownCode, message)
}

// codeFailure is the failure of the task that was asked for, by a numeric code; nil if
// the code says nothing about it. The failure is provisional.
func codeFailure(code string, message string) (f *task.Failure) {
	n, _ := strconv.Atoi(code)
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

// taskFailure is the failure of a task that its provider ended: by its text, then by
// the failures of its clips, then by the status itself.
func taskFailure(rec record, items []task.Item) *task.Failure {
	if f := upstream.Refusal(rec.failReason); f != nil {
		return f
	}
	for _, it := range items {
		if it.Failure != nil && (rec.failReason == "" || it.Failure.Verdict == task.Permanent) {
			f := *it.Failure
			return &f
		}
	}
	return upstream.Dead(cmp.Or(rec.failReason, fmt.Sprintf("The provider ended the task with %s.", rec.word)))
}

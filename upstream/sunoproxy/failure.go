package sunoproxy

import (
	"cmp"
	"fmt"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// Reasons of failures beside those of package upstream.
const (
	reasonNoBatch     = "no_batch_call"
	reasonBadRequest  = "bad_request"
	reasonUnknownTask = "unknown_task"
	reasonAccount     = "account"
	reasonBusy        = "busy"
	reasonUnknownCode = "unknown_code"
	reasonRefused     = "refused"
	reasonTaskFailed  = "task_failed"
)

// callFailure is the verdict on an answer that brought no task: by its text, then
// by its code, which is a word. nil leaves it to the HTTP status. It is permanent
// only for a text about the content: what else is wrong may be wrong with our
// call.
func callFailure(env envelope, status int) *task.Failure {
	message := cmp.Or(env.text(), fmt.Sprintf("The provider answered with code %s.", cmp.Or(env.Code, env.Error.Code)))
	if len(message) > 1<<10 {
		message = strings.ToValidUTF8(message[:1<<10], "")
	}
	f := &task.Failure{Verdict: task.Transient, Code: task.APIError, Reason: reasonUnknownCode, Message: message}
	word := strings.ReplaceAll(cmp.Or(env.Error.Code, env.Code).Word(), "_", " ")
	for _, text := range []string{env.text(), word} {
		class, verdict, known := task.Classify(text)
		switch {
		case !known:
			continue
		case verdict == task.Permanent && upstream.AboutContent(class):
			f.Verdict, f.Code, f.Reason = task.Permanent, class, reasonRefused
			return f
		case verdict == task.Account:
			f.Verdict, f.Reason = task.Account, reasonAccount
			return f
		case verdict == task.UnknownTask:
			f.Verdict, f.Reason = task.UnknownTask, reasonUnknownTask
			return f
		case verdict == task.Transient && status < 429:
			f.Reason = reasonBusy
			if isRateLimit(text) {
				f.Reason = upstream.ReasonRateLimited
			}
			return f
		}
	}
	if strings.Contains(word, "quota") {
		f.Verdict, f.Reason = task.Account, reasonAccount
		return f
	}
	if status >= 400 && status != 400 && status != 422 {
		return nil
	}
	if status >= 400 {
		f.Reason = reasonBadRequest
	}
	return f
}

func isRateLimit(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "rate limit") || strings.Contains(text, "too many requests") || strings.Contains(text, "call frequency")
}

// ofBatch is what the failure of a call for n tasks means for each of them: what
// may be the doing of one is not said of the others.
func ofBatch(f *task.Failure, n int) *task.Failure {
	if f != nil && n > 1 && (f.Verdict == task.UnknownTask || f.Verdict == task.Permanent) {
		return &task.Failure{Verdict: task.Transient, Code: task.APIError, Reason: reasonBadRequest, Message: f.Message}
	}
	return f
}

// refusal is the permanent failure that a text speaks of; nil if it speaks of
// none.
func refusal(text string) *task.Failure {
	if class, verdict, known := task.Classify(text); known && verdict == task.Permanent {
		return &task.Failure{Verdict: task.Permanent, Code: class, Reason: reasonRefused, Message: text}
	}
	return nil
}

// ending is the failure of a task that its provider ended: by its text, then by
// those of its clips, then by the status itself.
func ending(word, text string, items []task.Item) *task.Failure {
	if f := refusal(text); f != nil {
		return f
	}
	for _, it := range items {
		if it.Failure != nil && (text == "" || it.Failure.Verdict == task.Permanent) {
			f := *it.Failure
			return &f
		}
	}
	return dead(cmp.Or(text, fmt.Sprintf("The provider ended the task with %s.", word)))
}

// itemEnding is the failure of one item that its provider calls failed.
func itemEnding(text string) *task.Failure {
	if f := refusal(text); f != nil {
		return f
	}
	return dead(cmp.Or(text, "The provider could not make this item."))
}

func dead(message string) *task.Failure {
	return &task.Failure{Verdict: task.TaskDead, Code: task.APIError, Reason: reasonTaskFailed, Message: message}
}

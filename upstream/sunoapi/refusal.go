package sunoapi

import (
	"cmp"
	"fmt"
	"strings"

	"tasksync/task"
)

// refusal is the permanent failure that a record's errorCode and text speak of,
// whatever its status: tasks were seen PENDING with code 413 for minutes. nil if
// they speak of none. The two providers agree on these codes.
func refusal(code int, text string) *task.Failure {
	class, verdict, known := task.Classify(text)
	permanent := known && verdict == task.Permanent
	switch {
	case code == 413 && tooLong(text):
		return permanentFailure(task.InvalidRequest, text)
	case code == 413:
		return permanentFailure(task.Copyrighted, cmp.Or(text, "The uploaded audio matches an existing work."))
	case permanent:
		return permanentFailure(class, text)
	}
	return nil
}

func tooLong(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "too long") || strings.Contains(text, "exceed")
}

// ending is the failure of a task that its provider ended: by code, then text,
// then the status itself.
func ending(word string, code int, text string) *task.Failure {
	if f := refusal(code, text); f != nil {
		return f
	}
	switch code {
	case 409, 422, 451, 505:
		return permanentFailure(task.InvalidRequest, cmp.Or(text, fmt.Sprintf("The provider refused the request (code %d).", code)))
	}
	if word == sensitiveWord {
		return permanentFailure(task.InappropriateContent, cmp.Or(text, "The provider refused the content because of sensitive words."))
	}
	return deadFailure(cmp.Or(text, fmt.Sprintf("The provider ended the task with %s.", word)))
}

// itemEnding is the failure of one item that its provider calls failed.
func itemEnding(text string) *task.Failure {
	if f := refusal(0, text); f != nil {
		return f
	}
	return deadFailure(cmp.Or(text, "The provider could not make this item."))
}

func permanentFailure(code task.Code, message string) *task.Failure {
	return &task.Failure{Verdict: task.Permanent, Code: code, Reason: reasonRefused, Message: message}
}

func deadFailure(message string) *task.Failure {
	return &task.Failure{Verdict: task.TaskDead, Code: task.APIError, Reason: reasonTaskFailed, Message: message}
}

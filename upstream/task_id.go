package upstream

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tasksync/task"
)

// maxTaskID is the longest task id that a call asks for, in bytes.
const maxTaskID = 256

// TaskID is the id in calls for the task of a row with task_id id: without the blanks
// around it that an application may have stored. ok is false if it cannot be one of
// the provider's; see [BadTaskID]. Observations carry the row's own spelling.
func TaskID(id string) (clean string, ok bool) {
	clean = strings.TrimSpace(id)
	ok = clean != "" && len(clean) <= maxTaskID && utf8.ValidString(clean) && !strings.ContainsFunc(clean, unicode.IsControl)
	return clean, ok
}

// GoodTaskID reports whether a provider can be asked for id; see [TaskID].
func GoodTaskID(id string) bool {
	_, ok := TaskID(id)
	return ok
}

// BadTaskID is the failure of a task whose id cannot be one of the provider's.
func BadTaskID() *task.Failure {
	return &task.Failure{
		Verdict: task.UnknownTask, Code: task.APIError, Reason: ReasonBadTaskID, Message: "The task id cannot be one of the provider's.",
	}
}

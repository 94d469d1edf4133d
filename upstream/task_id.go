package upstream

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tasksync/task"
)

// maxTaskID is the longest task id that is asked for, in bytes.
const maxTaskID = 256

// TaskID is the id under which a provider is asked for the task that a row names
// id: without the blanks around it, with which an application may have stored it.
// ok is false if it cannot be one of the provider's; see [BadTaskID]. What is
// observed is told under the row's own spelling.
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

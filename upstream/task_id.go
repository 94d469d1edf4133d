package upstream

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tasksync/task"
)

// maxTaskID is the longest task id that is asked for, in bytes.
const maxTaskID = 256

// GoodTaskID reports whether a provider can be asked for id.
func GoodTaskID(id string) bool {
	return id != "" && len(id) <= maxTaskID && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

// BadTaskID is the failure of a task whose id cannot be one of the provider's.
func BadTaskID() *task.Failure {
	return &task.Failure{
		Verdict: task.UnknownTask, Code: task.APIError, Reason: ReasonBadTaskID, Message: "The task id cannot be one of the provider's.",
	}
}

package upstream

import (
	"cmp"

	"tasksync/task"
)

// Dead is the failure of a task that its provider ended, not for its content.
func Dead(message string) *task.Failure {
	return &task.Failure{Verdict: task.TaskDead, Code: task.APIError, Reason: ReasonTaskFailed, Message: message}
}

// Permanent is the failure of a task that its provider refuses.
func Permanent(code task.Code, message string) *task.Failure {
	return &task.Failure{Verdict: task.Permanent, Code: code, Reason: ReasonRefused, Message: message}
}

// Unknown is the failure of a task that the provider does not know. It is
// provisional: a provider may forget a task for a moment.
func Unknown(message string) *task.Failure {
	return &task.Failure{
		Verdict: task.UnknownTask, Code: task.APIError, Reason: ReasonUnknownTask, Provisional: true,
		Message: cmp.Or(message, "The provider does not know this task."),
	}
}

// Transient is the failure of a call that says nothing of its task.
func Transient(reason, message string) *task.Failure {
	return &task.Failure{Verdict: task.Transient, Code: task.APIError, Reason: reason, Message: message}
}

// Blames reports whether f refuses what its task was asked to make, or to make it
// of, as [task.Refusal] has it: then it is that task's, whatever the code that came
// with it. What else is permanent may be wrong with how we ask.
func Blames(f *task.Failure) bool {
	if f == nil || f.Verdict != task.Permanent {
		return false
	}
	_, ok := task.Refusal(f.Message)
	return ok || AboutContent(f.Code)
}

// Refusal is the permanent failure that a text speaks of, or else one of its
// codes; nil if none does. A code is only a bucket (copyright stands under
// moderation_failure, too), so it counts where no rule knows the text.
func Refusal(text string, codes ...string) *task.Failure {
	for _, words := range append([]string{text}, codes...) {
		class, verdict, known := task.Classify(words)
		switch {
		case known && verdict == task.Permanent:
			return Permanent(class, cmp.Or(text, words))
		case known:
			return nil
		}
	}
	return nil
}

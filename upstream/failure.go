package upstream

import (
	"cmp"

	"tasksync/task"
)

// Dead is the failure of a task that its provider ended, but not for its content.
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

// Transient is the failure of a call that says nothing about its task.
func Transient(reason, message string) *task.Failure {
	return &task.Failure{Verdict: task.Transient, Code: task.APIError, Reason: reason, Message: message}
}

// Account is the failure of a call for which the provider refuses the account: its
// key, its credits or its subscription.
func Account(reason, message string) *task.Failure {
	return &task.Failure{Verdict: task.Account, Code: task.APIError, Reason: reason, Message: message}
}

// BadBody is the failure of an answer that is not what was asked for.
func BadBody(message string) *task.Failure { return Transient(ReasonBadBody, message) }

// Blames reports whether f refuses what its task is to make, or what the task is to
// make it from, as [task.Refusal] has it: then the failure is that task's, whatever
// code came with it. Any other permanent failure may be caused by our call.
func Blames(f *task.Failure) bool {
	if f == nil || f.Verdict != task.Permanent {
		return false
	}
	_, ok := task.Refusal(f.Message)
	return ok || AboutContent(f.Code)
}

// Refusal is the permanent failure that a text names, or else one of its codes; nil
// if none does. A code is only a bucket (copyright can come under
// moderation_failure), so it counts only where no rule of [task.Classify] knows the
// text.
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

// concernsAll reports whether the next call would fail like f, whatever it asks
// for. The breaker's failures do not concern all: it lets calls about tasks that
// have not failed through.
func concernsAll(f *task.Failure) bool {
	switch f.Reason {
	case ReasonRateLimited, ReasonTurnedAway:
		return true
	}
	return f.Verdict == task.Account
}

// AboutContent reports whether a code blames the content of a task. Any other code
// may be caused by our call.
func AboutContent(c task.Code) bool {
	switch c {
	case task.ProducerTag, task.Copyrighted, task.InappropriateContent, task.ModerationFlagged, task.MalformedPrompt:
		return true
	default:
		return false
	}
}

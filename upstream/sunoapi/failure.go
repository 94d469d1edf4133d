package sunoapi

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// Reasons of failures beside those of package upstream.
const (
	reasonMaintenance = "maintenance"
	reasonProvider    = "provider_error" // the provider answers, but not about the task
	reasonUnclear     = "unclear"        // the code says one thing, the text another
	reasonNoRecord    = "no_record"      // a good answer, but not what was asked for
)

// callFailure is the failure that an envelope without a record speaks of. A text
// that refuses the content or the input comes first, even before an account's
// code; then the code decides, and where that only says that there is no such
// task, the text may say more. No text blames the account: it may be that of one
// task.
func (p profile) callFailure(code int, text string) *task.Failure {
	rule := p.rule(code)
	f := &task.Failure{
		Verdict: rule.verdict, Code: task.APIError, Reason: rule.reason,
		Message: cmp.Or(text, fmt.Sprintf("The provider answered with code %d.", code)),
	}
	refused, refusal := task.Refusal(text)
	switch {
	case refusal && rule != rateLimited && rule != maintenance && code != 413:
		f.Verdict, f.Code, f.Reason = task.Permanent, refused, upstream.ReasonRefused
		if upstream.AboutContent(refused) {
			return f // the provider has read it; all other verdicts it may take back
		}
	case rule.verdict == task.Account:
	case aboutPath(code, text):
		f.Verdict, f.Reason = task.Transient, upstream.ReasonNoCall
	case rule.verdict == task.Permanent:
		f.Code = inputCode(code, text)
	case rule.verdict == task.UnknownTask:
		f.Verdict, f.Reason = unknownUnless(text)
	case rule.reason == reasonProvider || rule.reason == upstream.ReasonUnknownCode:
		if _, verdict, _ := task.Classify(text); verdict == task.UnknownTask {
			f.Verdict, f.Reason = task.UnknownTask, upstream.ReasonUnknownTask
		}
	}
	return p.provisional(f)
}

// inputCode is why a task was refused by a code alone.
func inputCode(code int, text string) task.Code {
	if code == 413 && !tooLong(text) {
		return task.Copyrighted
	}
	return task.InvalidRequest
}

// unknownUnless is what a code means that says that there is no such task, unless
// the text says that the provider could not even look.
func unknownUnless(text string) (task.Verdict, string) {
	_, verdict, known := task.Classify(text)
	switch {
	case known && verdict == task.Transient:
		return task.Transient, upstream.ReasonBusy
	case verdict == task.Account:
		return task.Transient, reasonUnclear
	}
	return task.UnknownTask, upstream.ReasonUnknownTask
}

// provisional marks a verdict on the task that an envelope gives without a record:
// the provider may know better at the next look.
func (p profile) provisional(f *task.Failure) *task.Failure {
	if f.Verdict >= task.UnknownTask {
		f.Provisional, f.Confirm = true, p.confirm
	}
	return f
}

// Texts about the address of a call, as servers and gateways have them.
var (
	pathText = regexp.MustCompile(`(?i)no static resource|\bendpoint|\broutes?\b|\bpath\b|\b(requested|unknown) (url|resource)|method.* not (allowed|supported)|not implemented|cannot (get|post) /`)
	notFound = regexp.MustCompile(`(?i)^\W*(404)?\W*((page|url) )?not found\W*(/\S*)?$`)
)

// aboutPath reports whether an answer is about the address of the call, not about
// a task: a gateway's, or that of a wrong base URL.
func aboutPath(code int, text string) bool {
	return pathText.MatchString(text) || code == 404 && (text == "" || notFound.MatchString(text))
}

// refusal is the permanent failure that a record's errorCode and text speak of,
// whatever its status: tasks were seen PENDING with code 413 for minutes. nil if
// they speak of none. The two providers agree on these codes.
func refusal(code int, text string) *task.Failure {
	class, verdict, known := task.Classify(text)
	permanent := known && verdict == task.Permanent
	switch {
	case code == 413:
		return upstream.Permanent(inputCode(code, text), cmp.Or(text, "The uploaded audio matches an existing work."))
	case permanent:
		return upstream.Permanent(class, text)
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
		return upstream.Permanent(task.InvalidRequest, cmp.Or(text, fmt.Sprintf("The provider refused the request (code %d).", code)))
	}
	if word == sensitiveWord {
		return upstream.Permanent(task.InappropriateContent, cmp.Or(text, "The provider refused the content because of sensitive words."))
	}
	return upstream.Dead(cmp.Or(text, fmt.Sprintf("The provider ended the task with %s.", word)))
}

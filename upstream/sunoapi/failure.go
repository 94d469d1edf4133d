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
	reasonProvider    = "provider_error" // the provider has an error that is not about the task
	reasonUnclear     = "unclear"        // the code says one thing, the text another
	reasonNoRecord    = "no_record"      // a good answer without the record that was asked for
)

// withoutRecord is the failure of an answer without a record and without an error
// code. With an HTTP status that is an error, the answer is not the provider's
// envelope: nil leaves it to the client.
func (p profile) withoutRecord(status, code int, text string) *task.Failure {
	_, verdict, _ := task.Classify(text)
	switch {
	case status >= 400:
		return nil
	case verdict == task.UnknownTask:
		return p.callFailure(404, text)
	}
	return upstream.Transient(reasonNoRecord, fmt.Sprintf("HTTP %d, code %d: there is no record in the answer", status, code))
}

// envelopeFailure is the failure of an answer with an error code, by the code and the
// HTTP status; nil leaves it to the client.
func (p profile) envelopeFailure(status, code int, text string) *task.Failure {
	f := p.callFailure(code, text)
	switch {
	case f.Reason == upstream.ReasonNoCall && status >= 400:
		return nil
	case f.Verdict == task.Transient && status >= 500 && f.Reason != upstream.ReasonRateLimited:
		f.Reason = upstream.ReasonHTTP5xx
	}
	return f
}

// callFailure is the failure of an envelope without a record. A text that refuses the
// content or the input comes first, even before an account's code. Then the code
// decides; where the code only says that there is no such task, the text may say
// more. No text blames the account: the text may be about one task.
func (p profile) callFailure(code int, text string) *task.Failure {
	m := p.meaning(code)
	f := &task.Failure{
		Verdict: m.verdict, Code: task.APIError, Reason: m.reason,
		Message: cmp.Or(text, fmt.Sprintf("The provider answered with code %d.", code)),
	}
	refused, refusal := task.Refusal(text)
	switch {
	case refusal && m != rateLimited && m != maintenance && code != 413:
		f.Verdict, f.Code, f.Reason = task.Permanent, refused, upstream.ReasonRefused
		if upstream.AboutContent(refused) {
			return f // the provider has read the content; it may take back all other verdicts
		}
	case m.verdict == task.Account:
	case aboutPath(code, text):
		f.Verdict, f.Reason = task.Transient, upstream.ReasonNoCall
	case m.verdict == task.Permanent:
		f.Code = inputCode(code, text)
	case m.verdict == task.UnknownTask:
		f.Verdict, f.Reason = unknownTask(text)
	case m.reason == reasonProvider || m.reason == upstream.ReasonUnknownCode:
		if _, verdict, _ := task.Classify(text); verdict == task.UnknownTask {
			f.Verdict, f.Reason = task.UnknownTask, upstream.ReasonUnknownTask
		}
	}
	return p.provisional(f)
}

// inputCode is the error code of a task that a code alone refuses.
func inputCode(code int, text string) task.Code {
	if code == 413 && !tooLong(text) {
		return task.Copyrighted
	}
	return task.InvalidRequest
}

// unknownTask is what a code for an unknown task means: that, unless the text says
// that the provider could not look for the task.
func unknownTask(text string) (task.Verdict, string) {
	_, verdict, known := task.Classify(text)
	switch {
	case known && verdict == task.Transient:
		return task.Transient, upstream.ReasonBusy
	case verdict == task.Account:
		return task.Transient, reasonUnclear
	}
	return task.UnknownTask, upstream.ReasonUnknownTask
}

// provisional marks a verdict on the task from an envelope without a record: the
// provider may take it back at the next look.
func (p profile) provisional(f *task.Failure) *task.Failure {
	if f.Verdict >= task.UnknownTask {
		f.Provisional, f.Confirm = true, p.confirm
	}
	return f
}

// The texts of servers and gateways about the address of a call.
var (
	pathText = regexp.MustCompile(`(?i)no static resource|\bendpoint|\broutes?\b|\bpath\b|\b(requested|unknown) (url|resource)|method.* not (allowed|supported)|not implemented|cannot (get|post) /`)
	notFound = regexp.MustCompile(`(?i)^\W*(404)?\W*((page|url) )?not found\W*(/\S*)?$`)
)

// aboutPath reports whether an answer is about the address of the call, not about a
// task: it comes from a gateway, or the base URL is wrong.
func aboutPath(code int, text string) bool {
	return pathText.MatchString(text) || code == 404 && (text == "" || notFound.MatchString(text))
}

// refusal is the permanent failure that a record's errorCode and text name, whatever
// its status: tasks were seen PENDING with code 413 for minutes. nil if they name
// none. The two providers agree on these codes.
func refusal(code int, text string) *task.Failure {
	if code == 413 {
		return upstream.Permanent(inputCode(code, text), cmp.Or(text, "The uploaded audio matches an existing work."))
	}
	return upstream.Refusal(text)
}

func tooLong(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "too long") || strings.Contains(text, "exceed")
}

// taskFailure is the failure of a task that its provider ended: by code, then text,
// then the status itself.
func taskFailure(rec record) *task.Failure {
	if f := refusal(rec.code, rec.text); f != nil {
		return f
	}
	switch rec.code {
	case 409, 422, 451, 505:
		return upstream.Permanent(task.InvalidRequest, cmp.Or(rec.text, fmt.Sprintf("The provider refused the request (code %d).", rec.code)))
	}
	word := strings.ToUpper(rec.word)
	if word == sensitiveWord {
		return upstream.Permanent(task.InappropriateContent, cmp.Or(rec.text, "The provider refused the content because of sensitive words."))
	}
	return upstream.Dead(cmp.Or(rec.text, fmt.Sprintf("The provider ended the task with %s.", word)))
}

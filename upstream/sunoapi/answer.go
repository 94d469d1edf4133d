package sunoapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// sensitiveWord is the one status that says by itself why a task failed.
const sensitiveWord = "SENSITIVE_WORD_ERROR"

// statuses are the words of the field `status`, of audio and of lyrics.
// CALLBACK_EXCEPTION says that the provider could not deliver its webhook: the
// results may be there.
var statuses = map[string]task.Status{
	"PENDING":                task.Processing,
	"TEXT_SUCCESS":           task.Processing,
	"FIRST_SUCCESS":          task.Streaming,
	"SUCCESS":                task.Complete,
	"CALLBACK_EXCEPTION":     task.Complete,
	"CREATE_TASK_FAILED":     task.Failed,
	"GENERATE_AUDIO_FAILED":  task.Failed,
	"GENERATE_LYRICS_FAILED": task.Failed,
	sensitiveWord:            task.Failed,
	"FAILED":                 task.Failed,
}

// states are the words of the field `state` of kie's newer records.
var states = map[string]task.Status{
	"WAITING":    task.Processing,
	"QUEUING":    task.Processing,
	"GENERATING": task.Processing,
	"SUCCESS":    task.Complete,
	"FAIL":       task.Failed,
	"FAILED":     task.Failed,
}

// record is what a provider says of one task.
type record struct {
	taskID  string
	word    string // of status, or of state where there is no status
	status  task.Status
	known   bool // the word is in one of the tables
	code    int
	text    string
	results []upstream.Result
}

// parseRecord reads the data of an envelope. ok is false if it is no record: it
// names neither a status nor items. Data that is an array is one of results.
func parseRecord(raw json.RawMessage, t task.Type) (rec record, ok bool) {
	data := upstream.ParseFields(raw)
	rec = record{
		taskID:  cmp.Or(data.Text("taskId"), data.Object("response").Text("taskId")),
		text:    data.Text("errorMessage", "failMsg", "error"),
		results: parseResults(raw, t),
	}
	rec.code, _ = data.Code("errorCode", "failCode")
	if rec.word = data.Text("status"); rec.word != "" {
		rec.status, rec.known = statuses[strings.ToUpper(rec.word)]
	} else if rec.word = data.Text("state"); rec.word != "" {
		rec.status, rec.known = states[strings.ToUpper(rec.word)]
	}
	if strings.EqualFold(rec.word, "CALLBACK_EXCEPTION") && len(rec.results) == 0 {
		rec.status = task.Processing
	}
	if rec.word != "" && !rec.known {
		rec.status = task.Processing
	}
	return rec, rec.word != "" || len(rec.results) > 0
}

// read makes an observation of an answer, or says why it cannot.
func (a *Adapter) read(ref task.Ref, ans upstream.Answer) (obs task.Observation, code int, f *task.Failure) {
	env := upstream.ParseFields(ans.Body)
	if env == nil {
		return obs, 0, upstream.BadBody(fmt.Sprintf("HTTP %d, the answer is no object", ans.Status))
	}
	rec, hasRecord := parseRecord(env.Get("data"), ref.Type)
	code, hasCode := env.Code("code")
	text := env.Text("msg", "message")
	switch {
	case hasRecord && rec.taskID != "" && !strings.EqualFold(rec.taskID, strings.TrimSpace(ref.TaskID)):
		return obs, code, upstream.Transient(reasonNoRecord, "the answer is about another task")
	case hasRecord && !a.profile.speaksForAll(code, text):
		if hasCode && code != 200 && rec.code == 0 && rec.text == "" {
			rec.code, rec.text = code, text
		}
		return a.observe(rec), code, nil
	case !hasCode || code == 200:
		return obs, code, a.withoutRecord(ans.Status, code, text)
	}
	return obs, code, a.envelopeFailure(ans.Status, code, text)
}

// speaksForAll reports whether an envelope says more than what is wrong with one
// task: then it counts before the record in it.
func (p profile) speaksForAll(code int, text string) bool {
	_, refusal := task.Refusal(text)
	return !refusal && p.concernsAll(code)
}

// withoutRecord is the failure of an answer that has no record and names no error. At
// an HTTP status that is one, it is not the provider's envelope: nil leaves it to
// the client.
func (a *Adapter) withoutRecord(status, code int, text string) *task.Failure {
	_, verdict, _ := task.Classify(text)
	switch {
	case status >= 400:
		return nil
	case verdict == task.UnknownTask:
		return a.profile.callFailure(404, text)
	}
	return upstream.Transient(reasonNoRecord, fmt.Sprintf("HTTP %d, code %d: there is no record in the answer", status, code))
}

// envelopeFailure is what an error code means, seen with the HTTP status that it
// came with; nil leaves it to the client.
func (a *Adapter) envelopeFailure(status, code int, text string) *task.Failure {
	f := a.profile.callFailure(code, text)
	switch {
	case f.Reason == upstream.ReasonNoCall && status >= 400:
		return nil
	case f.Verdict == task.Transient && status >= 500 && f.Reason != upstream.ReasonRateLimited:
		f.Reason = upstream.ReasonHTTP5xx
	}
	return f
}

// observe puts a record into the words of package task. An error in a record
// that goes on only counts if it is one for good, and if there is nothing yet to
// lose by it.
func (a *Adapter) observe(rec record) task.Observation {
	obs := task.Observation{Status: rec.status, Raw: a.StatusWord(rec.word), Items: a.Items(rec.results)}
	if rec.word != "" && !rec.known {
		a.UnknownStatus(obs.Raw)
	}
	if rec.status == task.Failed {
		obs.Failure = ending(strings.ToUpper(rec.word), rec.code, rec.text)
	} else if f := refusal(rec.code, rec.text); f != nil && !hasResults(obs.Items) {
		obs.Status, obs.Failure = task.Failed, f
	}
	a.RedactFailures(&obs)
	return obs
}

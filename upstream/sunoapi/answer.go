package sunoapi

import (
	"cmp"
	"fmt"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// sensitiveWord is the only status that says by itself why a task failed.
const sensitiveWord = "SENSITIVE_WORD_ERROR"

// statuses are the words of the field `status`, for audio and lyrics.
// CALLBACK_EXCEPTION says that the provider could not deliver its callback: the
// results may exist.
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

// record is what a provider says about one task.
type record struct {
	taskID  string
	word    string // the field status, or state where there is no status
	status  task.Status
	known   bool // a table has the word
	code    int
	text    string
	results []upstream.Result
}

// parseRecord reads the data of an envelope. ok is false if data is not a record: it
// has neither a status nor results. An array is an array of results.
func parseRecord(raw upstream.Value, t task.Type) (rec record, ok bool) {
	data := raw.Fields()
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

// read turns an answer into an observation, or returns its failure.
func (a *Adapter) read(ref task.Ref, ans upstream.Answer) (obs task.Observation, code int, f *task.Failure) {
	env := ans.Value().Fields()
	if !env.Given() {
		return obs, 0, upstream.BadBody(fmt.Sprintf("HTTP %d, the answer is no object", ans.Status))
	}
	rec, hasRecord := parseRecord(env.Get("data"), ref.Type)
	code, hasCode := env.Code("code")
	text := env.Text("msg", "message")
	switch {
	case hasRecord && rec.taskID != "" && !strings.EqualFold(rec.taskID, strings.TrimSpace(ref.TaskID)):
		return obs, code, upstream.Transient(reasonNoRecord, "the answer is about another task")
	case hasRecord && !a.profile.concernsAll(code, text):
		if hasCode && code != 200 && rec.code == 0 && rec.text == "" {
			rec.code, rec.text = code, text
		}
		return a.observe(rec), code, nil
	case !hasCode || code == 200:
		return obs, code, a.profile.withoutRecord(ans.Status, code, text)
	}
	return obs, code, a.profile.envelopeFailure(ans.Status, code, text)
}

// observe turns a record into an observation. An error in a record whose task goes
// on counts only if it is permanent, and if the task has no results yet.
func (a *Adapter) observe(rec record) task.Observation {
	obs := task.Observation{Status: rec.status, Raw: a.StatusWord(rec.word), Items: a.Items(rec.results)}
	if rec.word != "" && !rec.known {
		a.UnknownStatus(obs.Raw)
	}
	if rec.status == task.Failed {
		obs.Failure = taskFailure(rec)
	} else if f := refusal(rec.code, rec.text); f != nil && !hasResults(obs.Items) {
		obs.Status, obs.Failure = task.Failed, f
	}
	a.RedactFailures(&obs)
	return obs
}

package sunoapi

import (
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
	taskID string
	word   string // of status, or of state where there is no status
	status task.Status
	known  bool // the word is in one of the tables
	code   int
	text   string
	items  []task.Item
}

// parseRecord reads the data of an envelope. ok is false if it is no record: it
// names neither a status nor items.
func parseRecord(data object, t task.Type) (rec record, ok bool) {
	rec = record{
		taskID: data.text("taskId"),
		text:   data.text("errorMessage", "failMsg", "error"),
		items:  parseItems(itemsOf(data), t),
	}
	rec.code, _ = data.code("errorCode", "failCode")
	if rec.word = data.text("status"); rec.word != "" {
		rec.status, rec.known = statuses[strings.ToUpper(rec.word)]
	} else if rec.word = data.text("state"); rec.word != "" {
		rec.status, rec.known = states[strings.ToUpper(rec.word)]
	}
	if strings.EqualFold(rec.word, "CALLBACK_EXCEPTION") && len(rec.items) == 0 {
		rec.status = task.Processing
	}
	if rec.word != "" && !rec.known {
		rec.status = task.Processing
	}
	return rec, rec.word != "" || len(rec.items) > 0
}

// read makes an observation of an answer, or says why it cannot.
func (a *Adapter) read(ref task.Ref, ans upstream.Answer) (obs task.Observation, code int, f *task.Failure) {
	env := parseObject(ans.Body)
	if env == nil {
		return obs, 0, upstream.BadBody(fmt.Sprintf("HTTP %d, the answer is no object", ans.Status))
	}
	rec, hasRecord := parseRecord(parseObject(env["data"]), ref.Type)
	code, hasCode := env.code("code")
	text := env.text("msg", "message")
	if f := a.callVerdict(ans, code, hasCode, text, hasRecord); f != nil {
		return obs, code, f
	}
	switch {
	case !hasRecord: // the HTTP status has to say what it is
		return obs, code, nil
	case rec.taskID != "" && !strings.EqualFold(rec.taskID, ref.TaskID):
		return obs, code, upstream.BadBody("the answer is about another task")
	}
	if hasCode && code != 200 && rec.code == 0 && rec.text == "" {
		rec.code, rec.text = code, text
	}
	return a.observe(rec), code, nil
}

// callVerdict is the failure of the call, if the envelope alone decides: where
// there is no record, and where the code concerns more than this task.
func (a *Adapter) callVerdict(ans upstream.Answer, code int, hasCode bool, text string, hasRecord bool) *task.Failure {
	switch {
	case hasRecord && (!hasCode || code == 200):
		return nil
	case !hasCode && ans.Status >= 400:
		return nil
	case !hasCode || code == 200:
		if _, verdict, _ := task.Classify(text); verdict == task.UnknownTask {
			return a.profile.callFailure(404, text)
		}
		return upstream.BadBody(fmt.Sprintf("HTTP %d, code %d: there is no record in the answer", ans.Status, code))
	}
	f := a.profile.callFailure(code, text)
	if hasRecord && !(a.profile.rule(code).sure && upstream.ConcernsAll(f)) {
		return nil // what is wrong with one task must not stop the others
	}
	return f
}

// observe puts a record into the words of package task. An error in a record
// that goes on only counts if it is one for good, and if there is nothing yet to
// lose by it.
func (a *Adapter) observe(rec record) task.Observation {
	obs := task.Observation{Status: rec.status, Raw: a.client.StatusWord(rec.word), Items: rec.items}
	if rec.word != "" && !rec.known {
		a.client.UnknownStatus(obs.Raw)
	}
	if rec.status == task.Failed {
		obs.Failure = ending(strings.ToUpper(rec.word), rec.code, rec.text)
	} else if f := refusal(rec.code, rec.text); f != nil && !hasResults(rec.items) {
		obs.Status, obs.Failure = task.Failed, f
	}
	a.client.RedactFailures(&obs)
	return obs
}

package sunoproxy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// maxTasks bounds how many tasks of one answer are looked at.
const maxTasks = 2 * batch

// envelope is around every answer. Gateways in front of a server have an error
// in its place.
type envelope struct {
	Code    upstream.Text    `json:"code"`
	Message upstream.Text    `json:"message"`
	Msg     upstream.Text    `json:"msg"`
	Error   upstream.Trouble `json:"error"`
	Data    json.RawMessage  `json:"data"`
}

// parseEnvelope reads an answer; ok is false if it is in another format.
func parseEnvelope(ans upstream.Answer) (env envelope, ok bool) {
	env, isObject := upstream.Object[envelope](ans.Body)
	if !isObject {
		return envelope{}, false
	}
	return env, env.Code != "" || env.Error.Given() || (ans.Status >= 400 && env.text() != "")
}

// success reports whether the envelope says that the request was served.
func (e envelope) success() bool {
	switch e.Code.Word() {
	case "success", "ok", "1", "200":
		return true
	}
	return false
}

func (e envelope) text() string { return string(cmp.Or(e.Message, e.Msg, e.Error.Message)) }

// readMany makes observations of an answer to the batch call, or says why it
// cannot. Tasks that were not asked for are left out.
func (a *Adapter) readMany(refs []task.Ref, ans upstream.Answer) ([]task.Observation, *task.Failure) {
	env, ok := parseEnvelope(ans)
	records, many := upstream.Objects[record](env.Data, maxTasks)
	switch {
	case hasNoCall(ans):
		return nil, &task.Failure{Verdict: task.Transient, Reason: reasonNoBatch, Message: fmt.Sprintf("HTTP %d: the server has no batch call", ans.Status)}
	case !ok:
		return nil, upstream.BadBody(fmt.Sprintf("HTTP %d, the answer is in another format", ans.Status))
	case !env.success() && len(records) == 0:
		return nil, ofBatch(callFailure(env, ans.Status), len(refs))
	}
	told := a.match(refs, records)
	if len(told) == 0 && !isNothing(env.Data) && (!many || hasResults(records)) {
		return nil, upstream.BadBody(fmt.Sprintf("HTTP %d, there is no task in the answer", ans.Status))
	}
	return told, nil
}

// hasNoCall reports whether an answer means that there is no such request.
func hasNoCall(ans upstream.Answer) bool {
	switch ans.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// hasResults reports whether one of records is no task but a result alone.
func hasResults(records []record) bool {
	for _, rec := range records {
		if !rec.isTask() && rec.ID != "" {
			return true
		}
	}
	return false
}

// match gives each record to the ref that it is about, the first of those of one
// task. One that names no task is about the only ref.
func (a *Adapter) match(refs []task.Ref, records []record) []task.Observation {
	open := make(map[string]task.Ref, len(refs))
	for _, ref := range refs {
		open[strings.ToLower(ref.TaskID)] = ref
	}
	var told []task.Observation
	for _, rec := range records {
		id := rec.TaskID.Word()
		if id == "" && len(refs) == 1 {
			id = strings.ToLower(refs[0].TaskID)
		}
		if ref, ok := open[id]; ok && rec.isTask() {
			delete(open, id)
			told = append(told, a.observe(ref, rec))
		}
	}
	return told
}

// readOne makes an observation of an answer to the single call, or says why it
// cannot.
func (a *Adapter) readOne(ref task.Ref, ans upstream.Answer) (obs task.Observation, f *task.Failure) {
	env, ok := parseEnvelope(ans)
	if !ok {
		return obs, upstream.BadBody(fmt.Sprintf("HTTP %d, the answer is in another format", ans.Status))
	}
	records, many := upstream.Objects[record](env.Data, maxClips)
	switch {
	case !env.success() && len(records) == 0:
		return obs, callFailure(env, ans.Status)
	case !many && len(records) == 0 && !isNothing(env.Data):
		return obs, upstream.BadBody(fmt.Sprintf("HTTP %d, there is no task in the answer", ans.Status))
	}
	for _, rec := range records {
		switch {
		case !rec.isTask():
		case rec.TaskID == "" || strings.EqualFold(string(rec.TaskID), ref.TaskID):
			return a.observe(ref, rec), nil
		default:
			return obs, upstream.BadBody("the answer is about another task")
		}
	}
	return a.observeResults(ref, env.Data), nil
}

func isNothing(raw []byte) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

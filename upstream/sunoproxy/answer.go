package sunoproxy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

const (
	maxTasks = 2 * batch // of one answer that are looked at
	maxClips = 64        // of one task that are looked at
)

// envelope is around every answer. Gateways in front of a server have an error
// in its place, and some resellers have no code.
type envelope struct {
	Code    upstream.Text       `json:"code"`
	Message upstream.Text       `json:"message"`
	Msg     upstream.Text       `json:"msg"`
	Error   upstream.ErrorField `json:"error"`
	Data    json.RawMessage     `json:"data"`

	records []record // in Data, an array or one object
	many    bool     // Data is an array
}

// parseEnvelope reads an answer, and up to limit records in it; ok is false if it
// is in another format: without a code, data has to name what it is about.
func parseEnvelope(ans upstream.Answer, limit int) (env envelope, ok bool) {
	env, isObject := upstream.Object[envelope](ans.Body)
	if !isObject {
		return envelope{}, false
	}
	env.Data = upstream.Unquote(env.Data)
	elements := upstream.Elements(env.Data, limit)
	env.many = elements != nil
	if !env.many {
		elements = []json.RawMessage{env.Data}
	}
	for _, element := range elements {
		if f := upstream.ParseFields(element); f != nil {
			env.records = append(env.records, recordOf(f))
		}
	}
	if env.Code != "" || env.Error.Given() || (ans.Status >= 400 && env.text() != "") {
		return env, true
	}
	for _, rec := range env.records {
		if rec.taskID != "" || rec.clipID != "" {
			return env, true
		}
	}
	return env, false
}

// success reports whether the envelope says that the request was served.
func (e envelope) success() bool {
	switch e.Code.Word() {
	case "success", "ok", "1", "200":
		return true
	case "":
		return !e.Error.Given()
	}
	return false
}

func (e envelope) text() string { return string(cmp.Or(e.Message, e.Msg, e.Error.Message)) }

// readMany makes observations of an answer to the batch call, one for each ref that
// was reported, or says why it cannot. Tasks that were not asked for are left out.
func (a *Adapter) readMany(refs []task.Ref, ans upstream.Answer) ([]*task.Observation, *task.Failure) {
	env, ok := parseEnvelope(ans, maxTasks)
	switch {
	case upstream.NoSuchCall(ans.Status):
		return nil, upstream.Transient(upstream.ReasonNoCall, fmt.Sprintf("HTTP %d: the server has no batch call", ans.Status))
	case !ok && !(env.many && len(env.records) == 0 && ans.Status < 300): // an empty array says that it knows none
		return nil, upstream.BadBody(fmt.Sprintf("HTTP %d, the answer is in another format", ans.Status))
	case !env.success() && len(env.records) == 0:
		return nil, callFailure(env, ans.Status)
	}
	told, reported := a.match(refs, env.records)
	if !reported && !isNothing(env.Data) && (!env.many || hasResults(env.records)) {
		return nil, upstream.BadBody(fmt.Sprintf("HTTP %d, there is no task in the answer", ans.Status))
	}
	return told, nil
}

// hasResults reports whether one of records is no task but a result alone.
func hasResults(records []record) bool {
	for _, rec := range records {
		if !rec.isTask() && rec.id() != "" {
			return true
		}
	}
	return false
}

// match gives the records to the refs that they are about: the first one of a
// task, or all results that name it. A record that names no task is about the only
// one that was asked for.
func (a *Adapter) match(refs []task.Ref, records []record) (told []*task.Observation, reported bool) {
	byTask := map[string][]record{}
	for _, rec := range records {
		id := strings.ToLower(rec.taskID)
		if id == "" && len(refs) == 1 {
			id = strings.ToLower(refs[0].TaskID)
		}
		if rec.isTask() || rec.taskID != "" {
			byTask[id] = append(byTask[id], rec)
		}
	}
	told = make([]*task.Observation, len(refs))
	for i, ref := range refs {
		about := byTask[strings.ToLower(ref.TaskID)]
		if len(about) == 0 {
			continue
		}
		obs := a.observeAll(ref, about)
		told[i], reported = &obs, true
	}
	return told, reported
}

// observeAll makes an observation of the records about one task.
func (a *Adapter) observeAll(ref task.Ref, about []record) task.Observation {
	var alone []json.RawMessage
	for _, rec := range about {
		if rec.isTask() {
			return a.observe(ref, rec)
		}
		alone = append(alone, rec.raw())
	}
	raw, _ := json.Marshal(alone)
	return a.observeResults(ref, raw)
}

// readOne makes an observation of an answer to the single call, or says why it
// cannot.
func (a *Adapter) readOne(ref task.Ref, ans upstream.Answer) (obs task.Observation, f *task.Failure) {
	env, ok := parseEnvelope(ans, maxClips)
	switch {
	case !ok:
		return obs, upstream.BadBody(fmt.Sprintf("HTTP %d, the answer is in another format", ans.Status))
	case !env.success() && len(env.records) == 0:
		return obs, callFailure(env, ans.Status)
	case !env.many && len(env.records) == 0 && !isNothing(env.Data):
		return obs, upstream.BadBody(fmt.Sprintf("HTTP %d, there is no task in the answer", ans.Status))
	}
	others := 0
	for _, rec := range env.records {
		switch {
		case rec.taskID != "" && !strings.EqualFold(rec.taskID, ref.TaskID):
			others++
		case rec.isTask():
			return a.observe(ref, rec), nil
		}
	}
	if others > 0 && others == len(env.records) {
		return obs, upstream.BadBody("the answer is about another task")
	}
	return a.observeResults(ref, env.Data), nil
}

func isNothing(raw []byte) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

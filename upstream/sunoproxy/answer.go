package sunoproxy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

const (
	maxTasks = 2 * batch // tasks of one answer that are read
	maxClips = 64        // clips of one task that are read
)

// envelope stands around every answer. Gateways in front of a server send an error in
// its place, and some resellers send no code.
type envelope struct {
	code    string
	text    string
	err     upstream.ErrorField
	data    upstream.Value
	records []record // in data, an array or one object
	array   bool     // data is an array
}

// parseEnvelope reads an answer, and up to limit records in it. ok is false if the
// answer is in another format: without a code, data must name a task or a clip.
func parseEnvelope(ans upstream.Answer, limit int) (env envelope, ok bool) {
	f := ans.Value().Object()
	if !f.Given() {
		return envelope{}, false
	}
	env = envelope{code: f.Text("code"), err: f.Error("error"), data: f.Get("data").Unquote()}
	env.text = cmp.Or(f.Text("message", "msg"), env.err.Message)
	env.array = env.data.IsArray()
	elements := env.data.Elements(limit)
	if !env.array {
		elements = []upstream.Value{env.data}
	}
	for _, element := range elements {
		if f := element.Fields(); f.Given() {
			env.records = append(env.records, recordOf(f))
		}
	}
	if env.code != "" || env.err.Given() || (ans.Status >= 400 && env.text != "") {
		return env, true
	}
	return env, slices.ContainsFunc(env.records, func(rec record) bool { return rec.taskID != "" || rec.clipID != "" })
}

// success reports whether the envelope says that the call was served.
func (e envelope) success() bool {
	switch strings.ToLower(e.code) {
	case "success", "ok", "1", "200":
		return true
	case "":
		return !e.err.Given()
	}
	return false
}

// readMany turns an answer to the batch call into observations, one for each ref that
// was reported, or returns its failure. It leaves out tasks that were not asked for.
func (a *Adapter) readMany(refs []task.Ref, ans upstream.Answer) ([]*task.Observation, *task.Failure) {
	env, ok := parseEnvelope(ans, maxTasks)
	switch {
	case upstream.NoSuchCall(ans.Status):
		return nil, upstream.Transient(upstream.ReasonNoCall, fmt.Sprintf("HTTP %d: the server has no batch call", ans.Status))
	case !ok && !(env.array && len(env.records) == 0 && ans.Status < 300): // an empty array says that the server knows none of the tasks
		return nil, upstream.BadBody(fmt.Sprintf("HTTP %d, the answer is in another format", ans.Status))
	case !env.success() && len(env.records) == 0:
		return nil, callFailure(env, ans.Status)
	}
	seen, reported := a.match(refs, env.records)
	if !reported && !env.data.Absent() && (!env.array || hasResults(env.records)) {
		return nil, upstream.BadBody(fmt.Sprintf("HTTP %d, there is no task in the answer", ans.Status))
	}
	return seen, nil
}

// hasResults reports whether one of the records is a result and not a task.
func hasResults(records []record) bool {
	return slices.ContainsFunc(records, func(rec record) bool { return !rec.isTask() && rec.id() != "" })
}

// match observes each ref from the records about it: from its first task record, or
// from all results that name its task. A record that names no task is about the only
// task that was asked for.
func (a *Adapter) match(refs []task.Ref, records []record) (seen []*task.Observation, reported bool) {
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
	seen = make([]*task.Observation, len(refs))
	for i, ref := range refs {
		about := byTask[strings.ToLower(ref.TaskID)]
		if len(about) == 0 {
			continue
		}
		obs := a.observeAll(ref, about)
		seen[i], reported = &obs, true
	}
	return seen, reported
}

// observeAll turns the records about one task into an observation.
func (a *Adapter) observeAll(ref task.Ref, about []record) task.Observation {
	var bare []upstream.Value
	for _, rec := range about {
		if rec.isTask() {
			return a.observe(ref, rec)
		}
		bare = append(bare, rec.fields.Value())
	}
	return a.observeResults(ref, results.ParseAll(bare, ref.Type))
}

// readOne turns an answer to the single call into an observation, or returns its
// failure.
func (a *Adapter) readOne(ref task.Ref, ans upstream.Answer) (obs task.Observation, f *task.Failure) {
	env, ok := parseEnvelope(ans, maxClips)
	switch {
	case !ok:
		return obs, upstream.BadBody(fmt.Sprintf("HTTP %d, the answer is in another format", ans.Status))
	case !env.success() && len(env.records) == 0:
		return obs, callFailure(env, ans.Status)
	case !env.array && len(env.records) == 0 && !env.data.Absent():
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
	return a.observeResults(ref, results.Parse(env.data, ref.Type)), nil
}

// record is a task; or a result, where the server puts no task around results.
type record struct {
	fields     upstream.Fields
	taskID     string
	clipID     string // of a result, under a key that no task has
	word       string // of the status
	failReason string
	progress   string
}

func recordOf(f upstream.Fields) record {
	return record{
		fields: f, taskID: f.Text("task_id"), clipID: f.Text("clip_id"), word: f.Text("status", "state"),
		failReason: f.Text("fail_reason"), progress: f.Text("progress"),
	}
}

// isTask reports whether r is a task. A result may have a task id too.
func (r record) isTask() bool {
	if r.clipID != "" || results.HasAudioURL(r.fields) {
		return false
	}
	return r.taskID != "" || r.failReason != "" || r.progress != "" || r.fields.Text("action", "submit_time") != ""
}

func (r record) id() string { return cmp.Or(r.clipID, r.fields.Text("id")) }

// status is the task's status. known is false for a word that no table has, which
// counts as processing.
func (r record) status() (status task.Status, known bool) {
	switch {
	case r.word != "":
		return results.State(r.word)
	case r.progress == "100%":
		return task.Complete, true
	default:
		return task.Processing, true
	}
}

// observe turns a task record into an observation.
func (a *Adapter) observe(ref task.Ref, rec record) task.Observation {
	status, known := rec.status()
	obs := task.Observation{TaskID: ref.TaskID, Status: status, Raw: a.StatusWord(rec.word), Items: a.items(rec.results(ref.Type))}
	if !known {
		a.UnknownStatus(obs.Raw)
	}
	switch {
	case status == task.Failed && slices.ContainsFunc(obs.Items, isFinal):
		endItems(obs.Items, rec.failReason)
		obs.Status = task.Complete
	case status == task.Failed:
		obs.Failure = taskFailure(rec, obs.Items)
	case !slices.ContainsFunc(obs.Items, hasAudio):
		if obs.Failure = upstream.Refusal(rec.failReason); obs.Failure != nil {
			obs.Status = task.Failed
		}
	}
	a.RedactFailures(&obs)
	return obs
}

// observeResults turns results without a task around them into an observation. It
// leaves the status of music to be derived from the items; a lyric has its task's
// status.
func (a *Adapter) observeResults(ref task.Ref, found []upstream.Result) task.Observation {
	obs := task.Observation{TaskID: ref.TaskID, Items: a.items(found)}
	if ref.Type == task.Lyrics && len(obs.Items) == 1 {
		obs.Status = obs.Items[0].Status
		if obs.Status == task.Failed {
			obs.Failure = obs.Items[0].Failure
		}
	}
	a.RedactFailures(&obs)
	return obs
}

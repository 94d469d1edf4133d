package sunoproxy

import (
	"cmp"
	"encoding/json"
	"slices"

	"tasksync/task"
	"tasksync/upstream"
)

// results is how these servers tell results: in any spelling.
var results upstream.Items

// record is a task; or, where the server gives none around them, a result.
type record struct {
	fields     upstream.Fields
	taskID     string
	clipID     string // of a result, under a name that no task has
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

// isTask reports whether r is a task. A result may name its task, too.
func (r record) isTask() bool {
	if r.clipID != "" || results.IsAudio(r.fields) {
		return false
	}
	return r.taskID != "" || r.failReason != "" || r.progress != "" || r.fields.Text("action", "submit_time") != ""
}

func (r record) id() string { return cmp.Or(r.clipID, r.fields.Text("id")) }

// raw is the record as JSON.
func (r record) raw() json.RawMessage {
	raw, _ := json.Marshal(r.fields) // of values that were parsed
	return raw
}

// status is the task's, in our words. known is false for a word that no table
// has, which means processing.
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

// told are the results of a task, under the first name that has some.
func (r record) told(t task.Type) []upstream.Result {
	for _, name := range []string{"data", "response", "suno_data", "tracks", "clips", "items"} {
		if told := results.Parse(r.fields.Get(name), t); len(told) > 0 {
			return told
		}
	}
	return nil
}

// observe puts a task into the words of package task.
func (a *Adapter) observe(ref task.Ref, rec record) task.Observation {
	status, known := rec.status()
	obs := task.Observation{TaskID: ref.TaskID, Status: status, Raw: a.StatusWord(rec.word), Items: a.items(rec.told(ref.Type))}
	if !known {
		a.UnknownStatus(obs.Raw)
	}
	switch {
	case status == task.Failed && slices.ContainsFunc(obs.Items, isFinal):
		endItems(obs.Items, rec.failReason)
		obs.Status = task.Complete
	case status == task.Failed:
		obs.Failure = ending(rec.word, rec.failReason, obs.Items)
	case !slices.ContainsFunc(obs.Items, hasAudio):
		if obs.Failure = upstream.Refusal(rec.failReason); obs.Failure != nil {
			obs.Status = task.Failed
		}
	}
	a.RedactFailures(&obs)
	return obs
}

// observeResults puts results without a task around them into the words of
// package task. The state of music is then left to be derived from them; a lyric
// is its task.
func (a *Adapter) observeResults(ref task.Ref, data json.RawMessage) task.Observation {
	obs := task.Observation{TaskID: ref.TaskID, Items: a.items(results.Parse(data, ref.Type))}
	if ref.Type == task.Lyrics && len(obs.Items) == 1 {
		obs.Status = obs.Items[0].Status
		if obs.Status == task.Failed {
			obs.Failure = obs.Items[0].Failure
		}
	}
	a.RedactFailures(&obs)
	return obs
}

// items are results but for those that say no more than the task does.
func (a *Adapter) items(told []upstream.Result) []task.Item {
	return a.Items(slices.DeleteFunc(told, func(r upstream.Result) bool {
		return r.Bare() && r.Status != task.Failed
	}))
}

// isFinal reports whether an item is all that its task was for.
func isFinal(it task.Item) bool {
	return it.Status == task.Complete && (it.AudioURL != "" || it.Lyrics != "")
}

func hasAudio(it task.Item) bool { return it.AudioURL != "" || isFinal(it) }

// endItems ends what is under way in a task that its provider has ended: one
// clip of two may have come to be.
func endItems(items []task.Item, reason string) {
	for i := range items {
		if it := &items[i]; !isFinal(*it) && it.Failure == nil {
			it.Status = task.Failed
			it.Failure = upstream.Result{Err: upstream.ErrorField{Message: upstream.Text(reason)}}.ItemFailure()
		}
	}
}

package sunoproxy

import (
	"encoding/json"
	"slices"

	"tasksync/task"
	"tasksync/upstream"
)

// statuses are the words for a task, in lower case: those of the format, those of
// the integer dialect, and some that their like have.
var statuses = map[string]task.Status{
	"not_start":   task.Submitted,
	"submitted":   task.Submitted,
	"queued":      task.Queued,
	"pending":     task.Queued,
	"in_progress": task.Processing,
	"processing":  task.Processing,
	"running":     task.Processing,
	"streaming":   task.Streaming,
	"unknown":     task.Processing,
	"success":     task.Complete,
	"complete":    task.Complete,
	"completed":   task.Complete,
	"failure":     task.Failed,
	"failed":      task.Failed,
	"error":       task.Failed,
}

// record is a task; or, where the server gives none around them, a result.
type record struct {
	ID         upstream.Text   `json:"id"` // of a result
	TaskID     upstream.Text   `json:"task_id"`
	Action     upstream.Text   `json:"action"`
	Status     upstream.Text   `json:"status"`
	FailReason upstream.Text   `json:"fail_reason"`
	Progress   upstream.Text   `json:"progress"`
	SubmitTime upstream.Text   `json:"submit_time"`
	Data       json.RawMessage `json:"data"`
}

func (r record) isTask() bool {
	return r.TaskID != "" || r.Action != "" || r.Progress != "" || r.SubmitTime != "" || r.FailReason != ""
}

// status is the task's, in our words. known is false for a word that no table
// has, which means processing.
func (r record) status() (status task.Status, known bool) {
	switch status, known = statuses[r.Status.Word()]; {
	case known:
		return status, true
	case r.Status != "":
		return task.Processing, false
	case r.Progress == "100%":
		return task.Complete, true
	default:
		return task.Processing, true
	}
}

// observe puts a task into the words of package task.
func (a *Adapter) observe(ref task.Ref, rec record) task.Observation {
	status, known := rec.status()
	obs := task.Observation{TaskID: ref.TaskID, Status: status, Raw: a.client.StatusWord(string(rec.Status)), Items: a.items(rec.Data, ref.Type)}
	if !known {
		a.client.UnknownStatus(obs.Raw)
	}
	reason := string(rec.FailReason)
	switch {
	case status == task.Failed && slices.ContainsFunc(obs.Items, isFinal):
		endItems(obs.Items, reason)
		obs.Status = task.Complete
	case status == task.Failed:
		obs.Failure = ending(string(rec.Status), reason, obs.Items)
	case !slices.ContainsFunc(obs.Items, hasAudio):
		if obs.Failure = refusal(reason); obs.Failure != nil {
			obs.Status = task.Failed
		}
	}
	a.client.RedactFailures(&obs)
	return obs
}

// observeResults puts results without a task around them into the words of
// package task. The state of music is then left to be derived from them; a lyric
// is its task.
func (a *Adapter) observeResults(ref task.Ref, data json.RawMessage) task.Observation {
	obs := task.Observation{TaskID: ref.TaskID, Items: a.items(data, ref.Type)}
	if ref.Type == task.Lyrics && len(obs.Items) == 1 {
		obs.Status = obs.Items[0].Status
		if obs.Status == task.Failed {
			obs.Failure = obs.Items[0].Failure
		}
	}
	a.client.RedactFailures(&obs)
	return obs
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
			it.Status, it.Failure = task.Failed, itemEnding(reason)
		}
	}
}

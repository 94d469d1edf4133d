package acedata

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// states are the words of the field `state` of a record and of a clip, and of
// the field `status` of a lyric.
var states = map[string]task.Status{
	"submitted":  task.Submitted,
	"pending":    task.Queued,
	"queued":     task.Queued,
	"running":    task.Processing,
	"processing": task.Processing,
	"streaming":  task.Streaming,
	"complete":   task.Complete,
	"completed":  task.Complete,
	"succeeded":  task.Complete,
	"success":    task.Complete,
	"error":      task.Failed,
	"failed":     task.Failed,
	"cancelled":  task.Failed,
	"canceled":   task.Failed,
}

// answer is the body of an answer, whatever was asked: items of records, one
// record, or an error.
type answer struct {
	Items *list[record] `json:"items"`
	record
	Message upstream.Text `json:"message"`
	Detail  upstream.Text `json:"detail"`
}

// record is what the provider knows of one task. The embedded response is that
// of a record without one: the bare result, as webhooks have it.
type record struct {
	ID         upstream.Text    `json:"id"`
	InnerID    upstream.Text    `json:"_id"`
	State      upstream.Text    `json:"state"`
	FinishedAt upstream.Seconds `json:"finished_at"`
	Response   maybe[response]  `json:"response"`
	response
}

// response is what the task gave so far.
type response struct {
	Success yes              `json:"success"`
	TaskID  upstream.Text    `json:"task_id"`
	Data    list[clip]       `json:"data"`
	Error   upstream.Trouble `json:"error"`
}

// parse reads the records of an answer, and the error that comes in their place.
// ok is false if there is neither: then it is no answer to what was asked.
func parse(body []byte) (records []record, err upstream.Trouble, ok bool) {
	body = []byte(strings.TrimSpace(string(body)))
	if len(body) > 0 && body[0] == '[' {
		_ = json.Unmarshal(body, (*list[record])(&records)) // refuses nothing
		return records, upstream.Trouble{}, true
	}
	ans, isObject := upstream.Object[answer](body)
	switch {
	case !isObject:
		return nil, upstream.Trouble{}, string(body) == "null"
	case ans.Items != nil:
		return *ans.Items, upstream.Trouble{}, true
	case ans.says():
		return []record{ans.record}, ans.err(), true
	}
	err = ans.err()
	return nil, err, err.Given() || nothing(body)
}

// nothing reports whether an object has no record where one would be: the
// provider does not say how it answers for a task that it does not know.
func nothing(body []byte) bool {
	var keys map[string]json.RawMessage
	_ = json.Unmarshal(body, &keys)
	_, items := keys["items"]
	return len(keys) == 0 || items
}

func (a *answer) err() upstream.Trouble {
	err := a.Error
	err.Message = cmp.Or(err.Message, a.Message, a.Detail)
	return err
}

// says reports whether r says anything of a task.
func (r *record) says() bool {
	return r.State != "" || r.Response.is != nil || (bool(r.Success) && len(r.Data) > 0) || len(r.ids()) > 0
}

// ids are the names of the task, the likeliest first.
func (r *record) ids() []string {
	ids := []upstream.Text{r.ID, r.TaskID, r.InnerID}
	if in := r.Response.is; in != nil {
		ids = slices.Insert(ids, 1, in.TaskID)
	}
	var out []string
	for _, id := range ids {
		if id != "" {
			out = append(out, string(id))
		}
	}
	return out
}

// observe puts a record into the words of package task.
//
// How far the task is, its clips say; state and success only say it where they
// do not. Whether there will be more clips, the state says, or that the record is
// finished; without either there have to be as many as usual. A task that its
// provider ended keeps the clips that were done by then.
func (a *Adapter) observe(r record, ref task.Ref) task.Observation {
	in := &r.response
	if r.Response.is != nil {
		in = r.Response.is
	}
	v := view{
		said:    a.status(r.State),
		success: bool(in.Success),
		err:     in.Error,
		items:   a.items(in.Data, ref.Type),
	}
	v.final = v.said == task.Complete || (v.said == "" && (r.FinishedAt > 0 || ref.Type == task.Lyrics))
	obs := task.Observation{TaskID: ref.TaskID, Raw: a.client.StatusWord(in.raw(r.State))}
	obs.Status, obs.Failure = v.judge(obs.Raw)
	obs.Items = v.items
	a.client.RedactFailures(&obs)
	return obs
}

// view is a record while it is judged.
type view struct {
	said    task.Status // the record's state in our words; empty: it has none
	success bool
	final   bool // there will be no more items; lyrics come all at once
	err     upstream.Trouble
	items   []task.Item
}

func (v *view) judge(raw string) (task.Status, *task.Failure) {
	v.settle()
	failing := v.err.Given() && !v.success
	if v.said == task.Failed || (failing && !v.said.Pending()) {
		return v.end(raw)
	}
	if failing && !slices.ContainsFunc(v.items, hasAudio) {
		if f := refusal(v.err); f != nil { // the record goes on, but it says that it will not end well
			return task.Failed, f
		}
	}
	ended := len(v.items) > 0 && !slices.ContainsFunc(v.items, isPending)
	switch {
	case ended && v.final:
		return task.Complete, nil
	case ended:
		return "", nil // the items decide, if there are as many as usual
	case v.said.Pending():
		return v.said, nil
	default:
		return task.Processing, nil
	}
}

// settle gives items without a state that of the record: while that is not done,
// neither are they, whatever their URLs are.
func (v *view) settle() {
	if v.said == task.Complete || (v.said == "" && v.success) {
		return
	}
	for i := range v.items {
		v.items[i].Status = cmp.Or(v.items[i].Status, task.Processing)
	}
}

// end is the verdict on a task that its provider ended. What was not done by
// then has failed with it.
func (v *view) end(raw string) (task.Status, *task.Failure) {
	done := slices.ContainsFunc(v.items, func(it task.Item) bool { return it.Status == task.Complete })
	if !done {
		return task.Failed, ending(v.err, raw)
	}
	for i := range v.items {
		if isPending(v.items[i]) {
			v.items[i].Status = task.Failed
		}
	}
	return task.Complete, nil
}

// raw is the provider's own word for how the task stands: the state; else the
// code of the error; else the states of the clips.
func (in *response) raw(state upstream.Text) string {
	words := []string{string(cmp.Or(state, in.Error.Code))}
	if words[0] == "" {
		words = words[:0]
		for _, c := range in.Data {
			if w := string(c.state()); w != "" && !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	return strings.Join(words, ",")
}

// status is a state in our words; an unknown one counts as processing.
func (a *Adapter) status(state upstream.Text) task.Status {
	s, ok := states[state.Word()]
	if ok || state == "" {
		return s
	}
	a.client.UnknownStatus(string(state))
	return task.Processing
}

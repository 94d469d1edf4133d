package acedata

import (
	"cmp"
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// results is how this provider tells results: its prompt is what the user asked
// for, not the lyrics.
var results = upstream.Items{NotLyrics: []string{"prompt"}}

// observe puts a record into the words of package task.
//
// How far the task is, its clips say; state and success only say it where they
// do not. Whether there will be more clips, the state says, or that the record is
// finished; without either there have to be as many as usual. A task that its
// provider ended keeps the clips that were done by then.
func (a *Adapter) observe(r record, ref task.Ref) task.Observation {
	in, _ := r.result()
	told := results.Parse(in.Data, ref.Type)
	v := view{said: a.status(r.State), success: bool(in.Success), err: in.Error, items: a.Items(told)}
	v.final = v.said == task.Complete || (v.said == "" && (r.FinishedAt > 0 || ref.Type == task.Lyrics))
	if ref.Type == task.Lyrics { // it has no id at the provider: its position is all that it is known by
		for i := range v.items {
			v.items[i].ID = ""
		}
	}
	obs := task.Observation{TaskID: ref.TaskID, Raw: a.StatusWord(rawWord(r.State, in.Error.Code, told))}
	obs.Status, obs.Failure = v.judge(obs.Raw)
	obs.Items = v.items
	a.RedactFailures(&obs)
	return obs
}

// rawWord is the provider's own word for how the task stands: the state; else the
// code of the error; else the states of the clips.
func rawWord(state, code upstream.Text, told []upstream.Result) string {
	if word := cmp.Or(state, code); word != "" {
		return string(word)
	}
	var words []string
	for _, r := range told {
		if r.State != "" && !slices.Contains(words, r.State) {
			words = append(words, r.State)
		}
	}
	return strings.Join(words, ",")
}

// status is a state in our words; an unknown one counts as processing.
func (a *Adapter) status(state upstream.Text) task.Status {
	if state == "" {
		return ""
	}
	status, known := results.State(string(state))
	if !known {
		a.UnknownStatus(string(state))
	}
	return status
}

// view is a record while it is judged.
type view struct {
	said    task.Status // the record's state in our words; empty: it has none
	success bool
	final   bool // there will be no more items; lyrics come all at once
	err     upstream.ErrorField
	items   []task.Item
}

func (v *view) judge(raw string) (task.Status, *task.Failure) {
	v.settle()
	failing := v.err.Given() && !v.success
	if v.said == task.Failed || (failing && !v.said.Pending()) {
		return v.end(raw)
	}
	if failing && !slices.ContainsFunc(v.items, hasAudio) {
		if f := upstream.Refusal(string(v.err.Message), string(v.err.Code)); f != nil { // the record goes on, but it says that it will not end well
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

// settle gives items without a state the record's: while the record is not done,
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

func isPending(it task.Item) bool { return it.Status.Pending() }

func hasAudio(it task.Item) bool { return it.AudioURL != "" || it.Status == task.Complete }

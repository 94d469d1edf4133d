package acedata

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// maxRecords bounds how many records of one answer are read.
const maxRecords = 64

// record is what the provider knows about one task.
type record struct {
	id, taskID, innerID string
	state               string
	finished            bool
	result              response
	// inRecord says that the record has its result in a member of its own; else it is
	// the bare result, as callbacks have it.
	inRecord bool
}

// response is what the task has produced so far.
type response struct {
	success bool
	taskID  string
	data    upstream.Value
	err     upstream.ErrorField
}

func responseOf(f upstream.Fields) response {
	return response{success: f.Get("success").True(), taskID: f.Text("task_id"), data: f.Get("data"), err: f.Error("error")}
}

func recordOf(f upstream.Fields) record {
	r := record{id: f.Text("id"), taskID: f.Text("task_id"), innerID: f.Text("_id"), state: f.Text("state"), result: responseOf(f)}
	finishedAt, _ := f.Number("finished_at")
	r.finished = finishedAt > 0
	if in := f.Get("response").Object(); in.Given() {
		r.result, r.inRecord = responseOf(in), true
	}
	return r
}

func recordsOf(v upstream.Value) (records []record) {
	for _, f := range v.Objects(maxRecords) {
		records = append(records, recordOf(f))
	}
	return records
}

// parse reads the records of an answer, or the error in their place. ok is false if
// there is neither: then the body is no answer to the call.
func parse(body upstream.Value) (records []record, err upstream.ErrorField, ok bool) {
	if body.IsArray() {
		return recordsOf(body), err, true
	}
	f := body.Object()
	if !f.Given() {
		return nil, err, body.Absent()
	}
	if items := f.Get("items"); !items.Absent() {
		return recordsOf(items), err, true
	}
	err = f.Error("error")
	err.Message = cmp.Or(err.Message, f.Text("message", "detail"))
	if r := recordOf(f); r.hasContent() {
		return []record{r}, err, true
	}
	// The provider does not document its answer for a task that it does not know:
	// nothing where a record would be is one.
	return nil, err, err.Given() || f.Empty() || f.Has("items")
}

// hasContent reports whether r says anything about a task.
func (r *record) hasContent() bool {
	return r.inRecord || r.state != "" || len(r.ids()) > 0 || (r.result.success && len(results.List(r.result.data)) > 0)
}

// ids returns the ids that may be the task's, the likeliest first.
func (r *record) ids() (ids []string) {
	names := []string{r.id, r.result.taskID, r.taskID, r.innerID}
	return slices.DeleteFunc(names, func(id string) bool { return id == "" })
}

// isAbout reports whether r is about the task of one of refs, and which: by the
// likeliest of its ids, in the same case if possible. A record without an id is about
// the only task that was asked for.
func (r *record) isAbout(refs []task.Ref) (taskID string, ok bool) {
	ids := r.ids()
	if len(ids) == 0 && len(refs) == 1 {
		return refs[0].TaskID, true
	}
	for _, same := range []func(a, b string) bool{
		func(a, b string) bool { return a == b },
		strings.EqualFold,
	} {
		for _, id := range ids {
			if at := slices.IndexFunc(refs, func(ref task.Ref) bool { return same(ref.TaskID, id) }); at >= 0 {
				return refs[at].TaskID, true
			}
		}
	}
	return "", false
}

// read turns an answer into observations, one for each ref that was reported, or
// returns its failure.
func (a *Adapter) read(refs []task.Ref, ans upstream.Answer) ([]*task.Observation, *task.Failure) {
	records, err, ok := parse(ans.Value())
	switch {
	case ans.Status >= 300 || (len(records) == 0 && err.Given()):
		return nil, callFailure(ans.Status, err)
	case !ok:
		return nil, upstream.BadBody(fmt.Sprintf("HTTP %d: there is no record in the answer", ans.Status))
	}
	seen := make([]*task.Observation, len(refs))
	reported := 0
	for _, rec := range records {
		id, ok := rec.isAbout(refs)
		if !ok || !rec.hasContent() {
			continue
		}
		for i, ref := range refs {
			if ref.TaskID == id && seen[i] == nil {
				obs := a.observe(rec, ref)
				seen[i] = &obs
				reported++
			}
		}
	}
	if len(records) > 0 && reported == 0 {
		return nil, upstream.BadBody("the answer is about other tasks")
	}
	return seen, nil
}

// observe turns a record into an observation.
//
// The clips say how far the task is; state and success count only where the clips say
// nothing. The state, or the record's finish, says whether more clips will come;
// without either there must be as many clips as usual. A task that its provider ended
// keeps the clips that were complete by then.
func (a *Adapter) observe(r record, ref task.Ref) task.Observation {
	found := results.Parse(r.result.data, ref.Type)
	s := taskState{status: a.status(r.state), success: r.result.success, err: r.result.err, items: a.Items(found)}
	s.final = s.status == task.Complete || (s.status == "" && (r.finished || ref.Type == task.Lyrics))
	if ref.Type == task.Lyrics { // a lyric has no id at the provider: it is known by its position
		for i := range s.items {
			s.items[i].ID = ""
		}
	}
	obs := task.Observation{TaskID: ref.TaskID, Raw: a.StatusWord(rawWord(r.state, r.result.err.Code, found))}
	obs.Status, obs.Failure = s.judge(obs.Raw)
	obs.Items = s.items
	a.RedactFailures(&obs)
	return obs
}

// rawWord is the provider's own word for the task's status: the state; else the code
// of the error; else the states of the clips.
func rawWord(state, code string, found []upstream.Result) string {
	if word := cmp.Or(state, code); word != "" {
		return word
	}
	var words []string
	for _, r := range found {
		if r.State != "" && !slices.Contains(words, r.State) {
			words = append(words, r.State)
		}
	}
	return strings.Join(words, ",")
}

// status is the status that a state means; an unknown state counts as processing.
func (a *Adapter) status(state string) task.Status {
	if state == "" {
		return ""
	}
	status, known := results.State(state)
	if !known {
		a.UnknownStatus(state)
	}
	return status
}

package acedata

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// maxRecords bounds how many records of one answer are read.
const maxRecords = 64

// answer is the body of any answer: records in items, one record, or an error.
type answer struct {
	Items json.RawMessage `json:"items"`
	record
	Message upstream.Text `json:"message"`
	Detail  upstream.Text `json:"detail"`
}

// record is what the provider knows about one task. The embedded response is set when
// the record has none of its own: the bare result, as callbacks have it.
type record struct {
	ID         upstream.Text    `json:"id"`
	InnerID    upstream.Text    `json:"_id"`
	State      upstream.Text    `json:"state"`
	FinishedAt upstream.Seconds `json:"finished_at"`
	Response   json.RawMessage  `json:"response"`
	response
}

// response is what the task has produced so far.
type response struct {
	Success lenientBool         `json:"success"`
	TaskID  upstream.Text       `json:"task_id"`
	Data    json.RawMessage     `json:"data"`
	Error   upstream.ErrorField `json:"error"`
}

// lenientBool is true or "true".
type lenientBool bool

// UnmarshalJSON implements [json.Unmarshaler].
func (b *lenientBool) UnmarshalJSON(raw []byte) error {
	*b = lenientBool(strings.EqualFold(strings.Trim(string(raw), `"`), "true"))
	return nil
}

// parse reads the records of an answer, or the error in their place. ok is false if
// there is neither: then the body is no answer to the call.
func parse(body []byte) (records []record, err upstream.ErrorField, ok bool) {
	if records, array := upstream.Objects[record](body, maxRecords); array {
		return records, err, true
	}
	ans, isObject := upstream.Object[answer](body)
	switch {
	case !isObject:
		return nil, err, strings.TrimSpace(string(body)) == "null"
	case len(ans.Items) > 0 && string(ans.Items) != "null":
		records, _ = upstream.Objects[record](ans.Items, maxRecords)
		return records, err, true
	case ans.hasContent():
		return []record{ans.record}, ans.err(), true
	}
	err = ans.err()
	return nil, err, err.Given() || isEmpty(body)
}

// isEmpty reports whether an object has no record where a record would be: the
// provider does not document its answer for a task that it does not know.
func isEmpty(body []byte) bool {
	var keys map[string]json.RawMessage
	_ = json.Unmarshal(body, &keys)
	_, items := keys["items"]
	return len(keys) == 0 || items
}

func (a *answer) err() upstream.ErrorField {
	err := a.Error
	err.Message = cmp.Or(err.Message, a.Message, a.Detail)
	return err
}

// result is the response of a record. ok is false if the record has none, and is a
// response itself.
func (r *record) result() (in response, ok bool) {
	if in, ok = upstream.Object[response](r.Response); ok {
		return in, true
	}
	return r.response, false
}

// hasContent reports whether r says anything about a task.
func (r *record) hasContent() bool {
	in, ok := r.result()
	return ok || r.State != "" || len(r.ids()) > 0 || (bool(in.Success) && len(results.List(in.Data)) > 0)
}

// ids returns the ids that may be the task's, the likeliest first.
func (r *record) ids() (ids []string) {
	names := []upstream.Text{r.ID, r.TaskID, r.InnerID}
	if in, ok := r.result(); ok {
		names = slices.Insert(names, 1, in.TaskID)
	}
	for _, id := range names {
		if id != "" {
			ids = append(ids, string(id))
		}
	}
	return ids
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
	records, err, ok := parse(ans.Body)
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
	in, _ := r.result()
	found := results.Parse(in.Data, ref.Type)
	s := taskState{status: a.status(r.State), success: bool(in.Success), err: in.Error, items: a.Items(found)}
	s.final = s.status == task.Complete || (s.status == "" && (r.FinishedAt > 0 || ref.Type == task.Lyrics))
	if ref.Type == task.Lyrics { // a lyric has no id at the provider: it is known by its position
		for i := range s.items {
			s.items[i].ID = ""
		}
	}
	obs := task.Observation{TaskID: ref.TaskID, Raw: a.StatusWord(rawWord(r.State, in.Error.Code, found))}
	obs.Status, obs.Failure = s.judge(obs.Raw)
	obs.Items = s.items
	a.RedactFailures(&obs)
	return obs
}

// rawWord is the provider's own word for the task's status: the state; else the code
// of the error; else the states of the clips.
func rawWord(state, code upstream.Text, found []upstream.Result) string {
	if word := cmp.Or(state, code); word != "" {
		return string(word)
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

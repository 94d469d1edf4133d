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

// maxRecords bounds how many records of one answer are looked at.
const maxRecords = 64

// answer is the body of an answer, whatever was asked: items of records, one
// record, or an error.
type answer struct {
	Items json.RawMessage `json:"items"`
	record
	Message upstream.Text `json:"message"`
	Detail  upstream.Text `json:"detail"`
}

// record is what the provider knows of one task. The embedded response is the one
// of a record without one: the bare result, as webhooks have it.
type record struct {
	ID         upstream.Text    `json:"id"`
	InnerID    upstream.Text    `json:"_id"`
	State      upstream.Text    `json:"state"`
	FinishedAt upstream.Seconds `json:"finished_at"`
	Response   json.RawMessage  `json:"response"`
	response
}

// response is what the task gave so far.
type response struct {
	Success yes                 `json:"success"`
	TaskID  upstream.Text       `json:"task_id"`
	Data    json.RawMessage     `json:"data"`
	Error   upstream.ErrorField `json:"error"`
}

// yes is true or "true".
type yes bool

// UnmarshalJSON implements [json.Unmarshaler].
func (y *yes) UnmarshalJSON(raw []byte) error {
	*y = yes(strings.EqualFold(strings.Trim(string(raw), `"`), "true"))
	return nil
}

// parse reads the records of an answer, and the error that comes in their place.
// ok is false if there is neither: then it is no answer to what was asked.
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

func (a *answer) err() upstream.ErrorField {
	err := a.Error
	err.Message = cmp.Or(err.Message, a.Message, a.Detail)
	return err
}

// result is the response of a record; ok is false if it has none, and is one
// itself.
func (r *record) result() (in response, ok bool) {
	if in, ok = upstream.Object[response](r.Response); ok {
		return in, true
	}
	return r.response, false
}

// says reports whether r says anything of a task.
func (r *record) says() bool {
	in, ok := r.result()
	return ok || r.State != "" || len(r.ids()) > 0 || (bool(in.Success) && len(results.List(in.Data)) > 0)
}

// ids are the names of the task, the likeliest first.
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

// isAbout reports whether r is about the task of one of refs, and which one: by
// the likeliest of its names, in the same case if there is one. A record without a
// name is about the only task that was asked for.
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

// read makes observations of an answer, one for each ref that was reported, or
// says why it cannot.
func (a *Adapter) read(refs []task.Ref, ans upstream.Answer) ([]*task.Observation, *task.Failure) {
	records, trouble, ok := parse(ans.Body)
	switch {
	case ans.Status >= 300 || (len(records) == 0 && trouble.Given()):
		return nil, callFailure(ans.Status, trouble)
	case !ok:
		return nil, upstream.BadBody(fmt.Sprintf("HTTP %d: there is no record in the answer", ans.Status))
	}
	seen := make([]*task.Observation, len(refs))
	reported := 0
	for _, rec := range records {
		id, ok := rec.isAbout(refs)
		if !ok || !rec.says() {
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

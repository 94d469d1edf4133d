package acedata

import (
	"fmt"
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// question is what one call asks for.
type question []asked

// asked is a task by its id, with the refs that name it: more than one if they
// disagree about its type.
type asked struct {
	id   string
	refs []task.Ref
}

// find is the index of the task that has one of these ids; -1 if it was not
// asked for. A record without any id is about the only task that was.
func (q question) find(ids []string) int {
	if len(ids) == 0 && len(q) == 1 {
		return 0
	}
	for _, same := range []func(a, b string) bool{
		func(a, b string) bool { return a == b },
		strings.EqualFold,
	} {
		for _, id := range ids {
			if at := slices.IndexFunc(q, func(t asked) bool { return same(t.id, id) }); at >= 0 {
				return at
			}
		}
	}
	return -1
}

// payload is the body of a request.
type payload struct {
	Action string   `json:"action"`
	ID     string   `json:"id,omitempty"`
	IDs    []string `json:"ids,omitempty"`
}

func (q question) payload() payload {
	if len(q) == 1 {
		return payload{Action: "retrieve", ID: q[0].id}
	}
	p := payload{Action: "retrieve_batch"}
	for _, t := range q {
		p.IDs = append(p.IDs, t.id)
	}
	return p
}

// read makes observations of an answer, or says why it cannot.
func (a *Adapter) read(q question, ans upstream.Answer) ([]task.Observation, *task.Failure) {
	records, trouble, ok := parse(ans.Body)
	switch {
	case ans.Status >= 300 || (len(records) == 0 && trouble.Given()):
		return nil, callFailure(ans.Status, trouble, len(q) == 1)
	case !ok:
		return nil, upstream.BadBody(fmt.Sprintf("HTTP %d: there is no record in the answer", ans.Status))
	}
	var seen []task.Observation
	reported := make([]bool, len(q))
	for _, rec := range records {
		at := q.find(rec.ids())
		if at < 0 || reported[at] || !rec.says() {
			continue
		}
		reported[at] = true
		for _, ref := range q[at].refs {
			seen = append(seen, a.observe(rec, ref))
		}
	}
	if len(records) > 0 && len(seen) == 0 {
		return nil, upstream.BadBody("the answer is about other tasks")
	}
	return seen, nil
}

package acedata

import (
	"cmp"
	"slices"

	"tasksync/task"
	"tasksync/upstream"
)

// results reads the results of this provider: its prompt is what the user asked for,
// not the lyrics.
var results = upstream.Items{NotLyrics: []string{"prompt"}}

// taskState is what a record says about the progress of its task.
type taskState struct {
	status  task.Status // what the record's state means; empty without a state
	success bool
	final   bool // no more items will come; lyrics come all at once
	err     upstream.ErrorField
	items   []task.Item
}

// judge returns the status of the task, and its failure.
func (s *taskState) judge(raw string) (task.Status, *task.Failure) {
	s.inheritPending()
	failing := s.err.Given() && !s.success
	if s.status == task.Failed || (failing && !s.status.Pending()) {
		return s.end(raw)
	}
	if failing && !slices.ContainsFunc(s.items, hasAudio) {
		if f := upstream.Refusal(s.err.Message, s.err.Code); f != nil { // the record goes on, but says that the task will fail
			return task.Failed, f
		}
	}
	ended := len(s.items) > 0 && !slices.ContainsFunc(s.items, isPending)
	switch {
	case ended && s.final:
		return task.Complete, nil
	case ended:
		return "", nil // the items decide, if there are as many as usual
	case s.status.Pending():
		return s.status, nil
	default:
		return task.Processing, nil
	}
}

// inheritPending makes items without a state pending while the record is: they are not
// done before the record is, whatever URLs they have.
func (s *taskState) inheritPending() {
	if s.status == task.Complete || (s.status == "" && s.success) {
		return
	}
	for i := range s.items {
		s.items[i].Status = cmp.Or(s.items[i].Status, task.Processing)
	}
}

// end returns the status and the failure of a task that its provider ended. Items
// that were not complete by then have failed with it.
func (s *taskState) end(raw string) (task.Status, *task.Failure) {
	done := slices.ContainsFunc(s.items, func(it task.Item) bool { return it.Status == task.Complete })
	if !done {
		return task.Failed, taskFailure(s.err, raw)
	}
	for i := range s.items {
		if isPending(s.items[i]) {
			s.items[i].Status = task.Failed
		}
	}
	return task.Complete, nil
}

func isPending(it task.Item) bool { return it.Status.Pending() }

func hasAudio(it task.Item) bool { return it.AudioURL != "" || it.Status == task.Complete }

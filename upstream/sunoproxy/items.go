package sunoproxy

import (
	"slices"

	"tasksync/task"
	"tasksync/upstream"
)

// results reads the results of these servers: in any spelling.
var results upstream.Items

// results returns the results of a task, from the first key that has some.
func (r record) results(t task.Type) []upstream.Result {
	for _, name := range []string{"data", "response", "suno_data", "tracks", "clips", "items"} {
		if found := results.Parse(r.fields.Get(name), t); len(found) > 0 {
			return found
		}
	}
	return nil
}

// items turns results into items, but leaves out those that say no more than the task.
func (a *Adapter) items(found []upstream.Result) []task.Item {
	return a.Items(slices.DeleteFunc(found, func(r upstream.Result) bool {
		return r.Bare() && r.Status != task.Failed
	}))
}

// isFinal reports whether an item is complete, with its audio or its lyrics.
func isFinal(it task.Item) bool {
	return it.Status == task.Complete && (it.AudioURL != "" || it.Lyrics != "")
}

func hasAudio(it task.Item) bool { return it.AudioURL != "" || isFinal(it) }

// endItems fails the unfinished items of a task that its provider has ended: one clip
// of two may be finished.
func endItems(items []task.Item, reason string) {
	for i := range items {
		if it := &items[i]; !isFinal(*it) && it.Failure == nil {
			it.Status = task.Failed
			it.Failure = upstream.Result{Err: upstream.ErrorField{Message: reason}}.ItemFailure()
		}
	}
}

package upstream

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxCallbackTasks is how many tasks one callback wakes up at most.
const MaxCallbackTasks = 100

// maxCallbackIDs bounds the ids of one body, and how much of an array in it is read: one
// more shows that there are too many.
const maxCallbackIDs = MaxCallbackTasks + 1

// maxCallbackID is the longest id in a callback, in bytes. It is above maxTaskID:
// where a provider has no tasks, an id lists the ids of some clips.
const maxCallbackID = 512

// ErrCallbackBody is returned by [CallbackTaskIDs] for a body that is not one JSON
// value.
var ErrCallbackBody = errors.New("the callback's body is not JSON")

// CallbackTaskIDs returns the ids of the tasks that the body of a provider's
// callback (webhook) is about: in their order, each once. If there are more than
// [MaxCallbackTasks], it returns one more than these. A body without ids gives none and no error. The caller bounds the size of body.
//
// A callback says only that there is something to fetch. Nothing but the ids is
// read from it: it may be forged, it may come late or twice, and by the providers'
// documentation a failure can have the callbackType "complete".
//
// An id stands under task_id or taskId: providers use both, some of them one for
// music and the other for lyrics. It stands in the body itself or in its data, each
// an object or an array of objects. An id under another key, like a clip's id, does
// not count; neither does an id that is empty, is over 512 bytes, or has control
// characters or invalid UTF-8.
func CallbackTaskIDs(body []byte) ([]string, error) {
	value, ok := Parse(body)
	if !ok {
		return nil, ErrCallbackBody // the parser's own error quotes the body
	}
	var ids callbackIDs
	for _, outer := range value.Objects(maxCallbackIDs) {
		ids.add(outer)
		for _, data := range outer.All("data") {
			for _, inner := range data.Objects(maxCallbackIDs) {
				ids.add(inner)
			}
		}
	}
	return ids, nil
}

// callbackIDs are the ids found so far.
type callbackIDs []string

func (ids *callbackIDs) add(from Fields) {
	for _, v := range from.All("task_id") {
		if id := v.Text(); isCallbackID(id) && len(*ids) < maxCallbackIDs && !slices.Contains(*ids, id) {
			*ids = append(*ids, id)
		}
	}
}

// isCallbackID reports whether id can be a task's. The decoder has put RuneError
// where the body was not valid UTF-8.
func isCallbackID(id string) bool {
	return id != "" && len(id) <= maxCallbackID && !strings.ContainsRune(id, utf8.RuneError) && !strings.ContainsFunc(id, unicode.IsControl)
}

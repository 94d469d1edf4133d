package upstream

import (
	"encoding/json"
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
// A callback says only that there is something to fetch. Nothing else is taken from it:
// it may be forged, it may come late or twice, and by the providers' documentation a
// failure can have the callbackType "complete".
//
// A callback of the type "text" with a code of success gives no ids: the task's words
// are there, and no song is. Its look would cost a request for each row and end no
// waiting, and the words come with the next look. A "first" clip can be played, so that
// is worth a look, as any other type is.
//
// An id stands under task_id or taskId: providers use both, some of them one for
// music and the other for lyrics. It stands in the body itself or in its data, each
// an object or an array of objects. An id under another key, like a clip's id, does
// not count; neither does an id that is empty, is over 512 bytes, or has control
// characters or invalid UTF-8.
func CallbackTaskIDs(body []byte) ([]string, error) {
	if !json.Valid(body) {
		return nil, ErrCallbackBody // encoding/json's own error quotes the body
	}
	var ids callbackIDs
	outer, _ := Objects[callback](body, maxCallbackIDs)
	for _, o := range outer {
		ids.add(o, o.Code)
		inner, _ := Objects[callback](o.Data, maxCallbackIDs)
		for _, i := range inner {
			ids.add(i, o.Code)
		}
	}
	return ids, nil
}

// callback is an object that may name a task.
type callback struct {
	Snake Text            `json:"task_id"`
	Camel Text            `json:"taskId"`
	Kind  Text            `json:"callbackType"`
	Code  Text            `json:"code"` // of the body
	Data  json.RawMessage `json:"data"`
}

// early reports whether a callback tells that nothing but the words is there.
func (c callback) early(code Text) bool {
	return c.Kind.Word() == "text" && (code == "" || code == "0" || code == "200")
}

// callbackIDs are the ids found so far.
type callbackIDs []string

func (ids *callbackIDs) add(from callback, code Text) {
	if from.early(code) {
		return
	}
	for _, t := range []Text{from.Snake, from.Camel} {
		if id := string(t); isCallbackID(id) && len(*ids) < maxCallbackIDs && !slices.Contains(*ids, id) {
			*ids = append(*ids, id)
		}
	}
}

// isCallbackID reports whether id can be a task's. The decoder has put RuneError
// where the body was not valid UTF-8.
func isCallbackID(id string) bool {
	return id != "" && len(id) <= maxCallbackID && !strings.ContainsRune(id, utf8.RuneError) && !strings.ContainsFunc(id, unicode.IsControl)
}

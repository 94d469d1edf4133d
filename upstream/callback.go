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
	value, ok := Parse(body)
	if !ok {
		return nil, ErrCallbackBody // the parser's own error quotes the body
	}
	var ids callbackIDs
	for _, outer := range value.Objects(maxCallbackIDs) {
		code := outer.Text("code")
		ids.add(outer, code)
		for _, data := range outer.All("data") {
			for _, inner := range data.Objects(maxCallbackIDs) {
				ids.add(inner, code)
			}
		}
	}
	return ids, nil
}

// CallbackOfWords reports whether a callback names tasks only to tell that their words
// are there.
func CallbackOfWords(body []byte) bool {
	value, _ := Parse(body)
	ids, err := CallbackTaskIDs(body)
	return err == nil && len(ids) == 0 && slices.ContainsFunc(value.Objects(maxCallbackIDs), func(outer Fields) bool {
		code := outer.Text("code")
		return early(outer, code) || slices.ContainsFunc(outer.All("data"), func(data Value) bool {
			return slices.ContainsFunc(data.Objects(maxCallbackIDs), func(inner Fields) bool { return early(inner, code) })
		})
	})
}

// early reports whether a callback tells that nothing but the words is there. The code
// is that of the body.
func early(c Fields, code string) bool {
	return strings.EqualFold(c.Text("callback_type"), "text") && (code == "" || code == "0" || code == "200")
}

// callbackIDs are the ids found so far.
type callbackIDs []string

func (ids *callbackIDs) add(from Fields, code string) {
	if early(from, code) {
		return
	}
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

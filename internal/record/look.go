package record

import (
	"time"

	"tasksync/task"
)

// Look is one look at a row, as it is stored.
type Look struct {
	At     time.Time `json:"at"`            // when its call was sent, or when it would have been
	Why    string    `json:"why"`           // the lane of its call: first, due, deadline, backlog, hint, user or late
	Via    string    `json:"via"`           // poll, webhook, request or late
	Waited int64     `json:"wait,omitzero"` // milliseconds for a slot of the rate limit
	Took   int64     `json:"took,omitzero"` // milliseconds until the answer
	Code   int       `json:"http,omitzero"` // HTTP status of the answer
	// Said is the provider's own word for the status; Failure is why there is no result, with
	// the provider's text in Message, redacted and cut.
	Said    string    `json:"said,omitzero"`
	Failure string    `json:"failure,omitzero"`
	Message string    `json:"message,omitzero"`
	Unsent  bool      `json:"unsent,omitzero"` // no call was made
	Items   int       `json:"items,omitzero"`  // results in the answer
	Stage   string    `json:"stage,omitzero"`  // that the results show
	Outcome string    `json:"outcome"`         // of the pass for the row
	Reason  string    `json:"reason,omitzero"` // likewise
	Status  string    `json:"status,omitzero"` // the row's new status
	Clips   int       `json:"clips,omitzero"`  // written
	Next    time.Time `json:"next,omitzero"`   // when the row is looked at next
}

// Made is a look with the row that it was made at, and the answer that it brought.
type Made struct {
	Look
	GenerationID, TaskID string
	Alone                bool         // the call was for this task only
	Answer               *task.Answer // nil: there was none
}

// maxMessage bounds the text of a failure.
const maxMessage = 300

// cut returns a text that can be stored: its first n bytes, in whole characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:n] + "…"
}

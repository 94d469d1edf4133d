package live

import (
	"time"

	"tasksync/internal/view"
)

// Batch is what a subscriber is told by one step. Subscribers share what is in
// it: it must not be changed.
type Batch struct {
	// Cursor is what to resume from once this batch is dealt with.
	Cursor string
	// Reset says that there is a gap before this batch, so that the subscriber
	// has to read everything anew.
	Reset bool
	// Events are in an order that keeps that of each generation. There are none
	// in a batch that only brings a cursor.
	Events []Event

	size int // what Events weigh
}

// Event is a change of a generation's status that has committed. The doc tags
// are those of the OpenAPI description.
type Event struct {
	ID             int64     `json:"id"`
	GenerationID   string    `json:"generation_id" format:"uuid"`
	FromStatus     string    `json:"from_status"`
	ToStatus       string    `json:"to_status"`
	Via            string    `json:"via" doc:"What led to it: poll, webhook, request or timeout."`
	UpstreamStatus *string   `json:"upstream_status" doc:"The upstream's own word for it."`
	CreatedAt      time.Time `json:"created_at"`
	// Generation is the row at the time of reading, which is that of the event or
	// later. It is nil if the row is gone or is another user's now.
	Generation *view.Generation `json:"generation,omitempty" doc:"The generation as it is now, with its clips; left out if it was deleted."`
}

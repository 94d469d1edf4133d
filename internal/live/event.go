package live

import (
	"encoding/json"
	"sync"
	"time"

	"tasksync/internal/view"
)

// Batch is what one step has for a subscriber. Subscribers share its contents,
// which must not be changed.
type Batch struct {
	// Cursor is where a subscriber resumes that has dealt with this batch.
	Cursor string
	// Reset says that there is a gap before this batch: the subscriber has to
	// read everything anew.
	Reset bool
	// Events keep the order of each generation's events. A batch without events
	// only brings a cursor.
	Events []Event

	size    int      // the bytes that Events take in memory
	encoded *encoded // shared by the subscriptions that get the same Events; may be nil
}

// JSON returns one of the Events as JSON. It is made once for all subscriptions of a user
// that are sent the event when it happens.
func (b Batch) JSON(i int) ([]byte, error) {
	if b.encoded == nil {
		return json.Marshal(b.Events[i])
	}
	return b.encoded.event(b.Events, i)
}

// encoded holds events as JSON, in their order.
type encoded struct {
	mu  sync.Mutex
	raw [][]byte
}

func (e *encoded) event(events []Event, i int) (raw []byte, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.raw == nil {
		e.raw = make([][]byte, len(events))
	}
	if e.raw[i] == nil {
		e.raw[i], err = json.Marshal(events[i])
	}
	return e.raw[i], err
}

// Event is a committed change of a generation: of its status; or of its clips alone, or a
// row that is new, when both statuses are the same. Its doc tags are texts of the OpenAPI
// description.
type Event struct {
	ID             int64     `json:"id"`
	GenerationID   string    `json:"generation_id" format:"uuid"`
	FromStatus     string    `json:"from_status"`
	ToStatus       string    `json:"to_status" doc:"The same as from_status where only clips have changed (a title, lyrics or a preview has come), and where the row is new."`
	Via            string    `json:"via" doc:"What led to the change."`
	UpstreamStatus *string   `json:"upstream_status" doc:"The provider's own word for the status."`
	CreatedAt      time.Time `json:"created_at"`
	// Generation is the row when the event was read, with this change or later
	// ones. It is nil if the row is gone or belongs to another user now.
	Generation *view.Generation `json:"generation,omitempty" doc:"The row as it is now, with its clips; left out if it was deleted."`
}

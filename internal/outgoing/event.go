package outgoing

import (
	"bytes"
	"encoding/json"
	"time"

	"tasksync/internal/view"
	"tasksync/syncer"
	"tasksync/task"
)

// Type is the type of an event. Receivers ignore types that they do not know.
type Type string

// The types.
const (
	Complete Type = "generation.complete"
	Failed   Type = "generation.failed"
	Reopened Type = "generation.reopened" // a failed row is pending again
	// Updated is for a complete row whose clips have changed: the final audio came late.
	Updated Type = "generation.updated"
	// LateResult is for a failed row that stays failed: its result came late, and is kept
	// in tasksync.late_results.
	LateResult Type = "generation.late_result"
	// Archived is for a complete row whose files have been copied.
	Archived Type = "generation.archived"
	// test is what `tasksync notify test` sends.
	test Type = "tasksync.test"
)

// typeOf returns the type of an end.
func typeOf(e syncer.Ending) Type {
	switch {
	case e.To.Pending():
		return Reopened
	case e.To == task.Complete && e.From == e.To:
		return Updated
	case e.To == task.Complete:
		return Complete
	case e.From == e.To:
		return LateResult
	default:
		return Failed
	}
}

// event is one thing to tell.
type event struct {
	Type         Type
	GenerationID string
}

// body is what a receiver reads.
type body struct {
	Type      Type            `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      view.Generation `json:"data"`
}

// encode returns the bytes of a body, which are signed as they are.
func encode(t Type, at time.Time, g view.Generation) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body{Type: t, Timestamp: at.UTC().Truncate(time.Millisecond), Data: g}); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

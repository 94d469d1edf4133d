package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tasksync/internal/live"
)

const (
	// writeTimeout is how long a client may take to read a piece of what it is sent.
	writeTimeout = 10 * time.Second
	// pieceSize is how much that is, in bytes.
	pieceSize = 64 << 10
)

// eventWriter writes Server-Sent Events.
type eventWriter struct {
	w     http.ResponseWriter
	conn  *http.ResponseController
	buf   bytes.Buffer
	ready bool // the client has been greeted
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	return &eventWriter{w: w, conn: http.NewResponseController(w)}
}

// begin sends the headers. The deadlines of the server are for requests, not for
// streams: each write has one of its own.
func (e *eventWriter) begin() error {
	if err := e.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	h := e.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would keep the events back
	e.w.WriteHeader(http.StatusOK)
	return e.send()
}

// batch writes what a transaction or more have changed. Only the last event has
// an id: a client that loses the connection before it gets all of them again.
func (e *eventWriter) batch(b live.Batch) error {
	if !e.ready {
		e.ready = true
		e.event("ready", struct{}{})
	}
	if b.Reset {
		e.event("reset", struct{}{})
	}
	for _, event := range b.Events {
		e.event("status", event)
	}
	if b.Cursor != "" {
		e.seal(b.Cursor)
	}
	return e.send()
}

// event adds one to the buffer.
func (e *eventWriter) event(name string, data any) {
	raw, err := json.Marshal(data)
	if err != nil { // a clip's duration that no JSON can have, from a foreign table
		raw = []byte("{}")
	}
	fmt.Fprintf(&e.buf, "event: %s\ndata: %s\n\n", name, raw)
}

// seal gives the last event of the buffer the id; without an event it only moves
// the client's last event id on.
func (e *eventWriter) seal(id string) {
	if n := e.buf.Len(); n > 0 {
		e.buf.Truncate(n - 1) // the blank line that ends the event
	}
	fmt.Fprintf(&e.buf, "id: %s\n\n", id)
}

func (e *eventWriter) comment(text string) error {
	fmt.Fprintf(&e.buf, ": %s\n\n", text)
	return e.send()
}

// send writes the buffer out, piece by piece: a client that reads slowly gets all
// of a long batch, and one that does not read loses its connection.
func (e *eventWriter) send() error {
	for piece := range slices.Chunk(e.buf.Bytes(), pieceSize) {
		if err := e.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if _, err := e.w.Write(piece); err != nil {
			return err
		}
	}
	e.buf.Reset()
	if err := e.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return e.conn.Flush()
}

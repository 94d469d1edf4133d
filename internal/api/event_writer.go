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
	// keptSize is how large a buffer may be that is kept while nothing is sent.
	keptSize = 4 << 10
)

// eventWriter writes Server-Sent Events. However long a batch is, it holds a piece
// of it and an event at most.
type eventWriter struct {
	w          http.ResponseWriter
	conn       *http.ResponseController
	buf        bytes.Buffer
	greeted    bool // the client has been greeted
	unfinished bool // the last event lacks the blank line that ends it
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
	return e.flush()
}

// batch writes what a transaction or more have changed. Only the last event has
// an id: a client that loses the connection before it gets all of them again.
func (e *eventWriter) batch(b live.Batch) error {
	if !e.greeted {
		e.greeted = true
		e.event("ready", struct{}{})
	}
	if b.Reset {
		e.event("reset", struct{}{})
	}
	for _, event := range b.Events {
		e.event("status", event)
		if e.buf.Len() >= pieceSize {
			if err := e.send(); err != nil {
				return err
			}
		}
	}
	if b.Cursor != "" { // without an event it only moves the client's last event id on
		fmt.Fprintf(&e.buf, "id: %s\n", b.Cursor)
		e.unfinished = true
	}
	e.end()
	return e.flush()
}

// event adds one to the buffer, but for its end: an id may follow.
func (e *eventWriter) event(name string, data any) {
	e.end()
	e.unfinished = true
	fmt.Fprintf(&e.buf, "event: %s\ndata: ", name)
	if err := json.NewEncoder(&e.buf).Encode(data); err != nil { // it has written nothing
		e.buf.WriteString("{}\n") // a clip's duration that no JSON can have, from a foreign table
	}
}

// end adds the blank line that ends an event.
func (e *eventWriter) end() {
	if e.unfinished {
		e.buf.WriteByte('\n')
	}
	e.unfinished = false
}

func (e *eventWriter) comment(text string) error {
	fmt.Fprintf(&e.buf, ": %s\n\n", text)
	return e.flush()
}

// flush has the client get all that was written.
func (e *eventWriter) flush() error {
	if err := e.send(); err != nil {
		return err
	}
	if err := e.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return e.conn.Flush()
}

// send writes the buffer out, piece by piece: a client that reads slowly gets all
// of a long event, and one that does not read loses its connection.
func (e *eventWriter) send() error {
	for piece := range slices.Chunk(e.buf.Bytes(), pieceSize) {
		if err := e.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if _, err := e.w.Write(piece); err != nil {
			return err
		}
	}
	if e.buf.Cap() > keptSize {
		e.buf = bytes.Buffer{}
	}
	e.buf.Reset()
	return nil
}

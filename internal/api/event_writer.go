package api

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"tasksync/internal/live"
)

const (
	// writeTimeout is how long a client may take to read a piece.
	writeTimeout = 10 * time.Second
	// pieceSize is the size of a piece, in bytes.
	pieceSize = 64 << 10
	// leastRetry is how long a client waits at least before it reconnects; some wait twice
	// as long.
	leastRetry = 500 * time.Millisecond
	// keptSize is the largest buffer that is kept between batches, in bytes.
	keptSize = 4 << 10
)

// eventWriter writes Server-Sent Events. It buffers one piece and one event at most,
// however long a batch is.
type eventWriter struct {
	w          http.ResponseWriter
	conn       *http.ResponseController
	buf        bytes.Buffer
	key        string // at the end of each id, if the client may reconnect by it
	greeted    bool   // the client has got the event "ready"
	unfinished bool   // the last event still lacks the blank line that ends it
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	return &eventWriter{w: w, conn: http.NewResponseController(w)}
}

// begin sends the headers and removes the server's deadline for reading, which is for
// requests. Each write has a deadline of its own.
func (e *eventWriter) begin() error {
	if err := e.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	h := e.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would delay the events
	e.w.WriteHeader(http.StatusOK)
	return e.flush()
}

// reconnects has the client come back with a key, soon but not at the same moment as all
// others. The id comes before any event, so that the client knows the key at once.
func (e *eventWriter) reconnects(since, key string) {
	e.key = "/" + key
	wait := leastRetry + rand.N(leastRetry) //nolint:gosec // to spread load
	fmt.Fprintf(&e.buf, "retry: %d\nid: %s%s\n\n", wait.Milliseconds(), since, e.key)
}

// batch writes the changes of one or more transactions. Only the last event has an
// id: a client that loses the connection before it gets the whole batch again.
func (e *eventWriter) batch(b live.Batch) error {
	if !e.greeted {
		e.greeted = true
		e.event("ready", []byte("{}"))
	}
	if b.Reset {
		e.event("reset", []byte("{}"))
	}
	for i := range b.Events {
		raw, err := b.JSON(i)
		if err != nil { // e.g. the duration NaN, from a foreign table
			raw = []byte("{}")
		}
		e.event("status", raw)
		if e.buf.Len() >= pieceSize {
			if err := e.send(); err != nil {
				return err
			}
		}
	}
	if b.Cursor != "" { // an id without an event only advances the client's last event id
		fmt.Fprintf(&e.buf, "id: %s%s\n", b.Cursor, e.key)
		e.unfinished = true
	}
	e.end()
	return e.flush()
}

// event appends an event to the buffer without its end: an id may follow.
func (e *eventWriter) event(name string, data []byte) {
	e.end()
	e.unfinished = true
	e.buf.WriteString("event: ")
	e.buf.WriteString(name)
	e.buf.WriteString("\ndata: ")
	e.buf.Write(data)
	e.buf.WriteByte('\n')
}

// end appends the blank line that ends an event.
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

// flush sends everything that was written to the client.
func (e *eventWriter) flush() error {
	if err := e.send(); err != nil {
		return err
	}
	if err := e.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return e.conn.Flush()
}

// send writes the buffer out piece by piece: a client that reads slowly gets the
// whole of a long event, and a client that does not read loses its connection.
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

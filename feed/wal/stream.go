package wal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"tasksync/internal/wait"
)

// silence is the number of Timeouts for which the server may send nothing, although
// the reader asks for an answer at every heartbeat. In the midst of a large
// transaction that does not concern the reader, the server answers only after half of
// Config.Timeout.
const silence = 6

const (
	// pace is the least time between two waits for the server, and busyPace the least
	// time if more than busy transactions came since the last wait.
	pace     = 5 * time.Millisecond
	busyPace = 20 * time.Millisecond
	busy     = 20
)

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// stream is a replication connection that reads from a slot. Only its own goroutine
// uses the connection.
type stream struct {
	conn    *connection
	cfg     Config
	backlog *backlog
	decoder *decoder

	open  bool      // a transaction has begun and its commit has not come
	xid   uint32    // of the last transaction that began
	beat  time.Time // when the next status is due
	heard time.Time // when the server last sent something

	paused time.Time // when the last wait for the server began
	came   int       // transactions since then
}

// receive reads until ctx ends. It never waits for handOn: while the backlog is full
// it stops reading, and goes on giving signs of life.
func (s *stream) receive(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { s.readUntil(longAgo) })()
	s.heard = time.Now()
	for ctx.Err() == nil {
		if err := s.report(); err != nil {
			return err
		}
		s.readUntil(s.beat)
		if err := s.receiveUntilBeat(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// readUntil sets the deadline of reads to t. A context for each message would cost
// more than the read.
func (s *stream) readUntil(t time.Time) {
	_ = s.conn.Conn().SetReadDeadline(t) // fails where the next read fails
}

// receiveUntilBeat reads until ctx ends or the next status is due.
func (s *stream) receiveUntilBeat(ctx context.Context) error {
	for ctx.Err() == nil && time.Now().Before(s.beat) {
		if s.backlog.full() {
			s.heard = time.Now() // the silence is the reader's doing
			s.awaitRoom(ctx)
			continue
		}
		if err := s.pause(ctx); err != nil {
			return nil //nolint:nilerr // ctx has ended, which receive sees
		}
		message, err := s.conn.ReceiveMessage(context.Background())
		if errors.Is(err, os.ErrDeadlineExceeded) { // not every timeout: a dead connection has one too
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the WAL: %w", err)
		}
		s.heard = time.Now()
		if err := s.take(message); err != nil {
			return err
		}
	}
	return nil
}

// awaitRoom waits until the backlog may have room or the next status is due.
func (s *stream) awaitRoom(ctx context.Context) {
	timer := time.NewTimer(time.Until(s.beat))
	defer timer.Stop()
	select {
	case <-s.backlog.room:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// pause lets messages collect when they come fast: a wait and a wake-up for each
// cost more than the message, and the writers may need the CPU. Between two
// transactions, when the buffers are empty and the reader would wait for the server,
// pause waits until pace has passed since the last such wait. So a message that comes
// alone is read at once.
func (s *stream) pause(ctx context.Context) error {
	if s.open || !s.conn.idle() {
		return nil
	}
	pause := pace
	if s.came > busy {
		pause = busyPace
	}
	pause -= time.Since(s.paused)
	defer func() { s.paused, s.came = time.Now(), 0 }()
	if pause <= 0 {
		return nil
	}
	s.conn.input.wakeAt(inputSize)
	defer s.conn.input.wakeAt(1)
	return wait.For(ctx, pause)
}

// report tells the server what is handed on, and asks it for an answer. The message
// has three positions (written, flushed, applied). All are the confirmed one: the
// server keeps the WAL after it, and waits for it before a shutdown.
func (s *stream) report() error {
	if limit := silence * s.cfg.Timeout; time.Since(s.heard) > limit {
		return fmt.Errorf("read the WAL: the server has been silent for %s", limit)
	}
	s.beat = time.Now().Add(s.cfg.Heartbeat)
	status := pglogrepl.StandbyStatusUpdate{WALWritePosition: s.backlog.confirmed(), ReplyRequested: true}
	if err := pglogrepl.SendStandbyStatusUpdate(context.Background(), s.conn.PgConn, status); err != nil {
		return fmt.Errorf("confirm a position of the WAL: %w", err)
	}
	return nil
}

func (s *stream) take(message pgproto3.BackendMessage) error {
	switch m := message.(type) {
	case *pgproto3.CopyData:
		return s.data(m.Data)
	case *pgproto3.ErrorResponse:
		err := fmt.Errorf("read the WAL: %w", pgconn.ErrorResponseToPgError(m))
		if lost(err) {
			return harmError(err.Error())
		}
		return err
	case *pgproto3.CopyDone:
		return errors.New("read the WAL: the server has ended the stream")
	}
	return nil
}

func (s *stream) data(data []byte) error {
	if len(data) == 0 {
		return errors.New("read the WAL: an empty message")
	}
	switch data[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		return s.keepalive(data[1:])
	case pglogrepl.XLogDataByteID:
		return s.change(data[1:])
	}
	return nil
}

// keepalive notes up to where the server has read the WAL. Outside of a transaction
// this confirms WAL that does not concern the reader, so that the slot of a quiet
// table moves on while other tables are written.
func (s *stream) keepalive(data []byte) error {
	k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data)
	if err != nil {
		return fmt.Errorf("read the WAL: %w", err)
	}
	if !s.open {
		s.backlog.reached(k.ServerWALEnd)
	}
	if k.ReplyRequested {
		s.beat = time.Time{} // due now
	}
	return nil
}

func (s *stream) change(data []byte) error {
	x, err := pglogrepl.ParseXLogData(data)
	if err != nil {
		return fmt.Errorf("read the WAL: %w", err)
	}
	e, err := s.decoder.decode(x.WALData)
	if err != nil {
		return err
	}
	switch e.kind {
	case begin:
		s.open, s.xid = true, e.xid
	case row:
		s.backlog.row(s.xid, e.id)
	case commit:
		s.open = false
		s.came++
		s.backlog.reached(e.end)
	}
	return nil
}

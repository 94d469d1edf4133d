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

// silence is how many Timeouts the server may say nothing, although it is asked at
// every heartbeat. In the midst of a large transaction of somebody else's it
// answers only after half of Config.Timeout.
const silence = 6

const (
	// pace is the shortest time between two waits for the server, and busyPace is
	// that when more than busy transactions came since the last one.
	pace     = 5 * time.Millisecond
	busyPace = 20 * time.Millisecond
	busy     = 20
)

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// stream is a replication connection that reads from a slot. Its goroutine is
// the only one that uses the connection.
type stream struct {
	conn    *connection
	cfg     Config
	backlog *backlog
	decoder *decoder

	open  bool // between begin and commit
	xid   uint32
	beat  time.Time // when the next status is due
	heard time.Time

	paused time.Time // when the last wait for the server began
	came   int       // transactions since
}

// receive reads until ctx ends. It never waits for those who take the rows: if
// too many wait, it stops reading and goes on giving signs of life.
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

// readUntil has reads end at t. A context for each message would cost more than
// to read it.
func (s *stream) readUntil(t time.Time) {
	_ = s.conn.Conn().SetReadDeadline(t) // fails where the next read fails
}

// receiveUntilBeat reads until ctx ends, at the latest when the next status is due.
func (s *stream) receiveUntilBeat(ctx context.Context) error {
	for ctx.Err() == nil && time.Now().Before(s.beat) {
		if s.backlog.full() {
			s.heard = time.Now() // it is we who do not listen
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

// awaitRoom waits until there may be room, at the latest until the next status
// is due.
func (s *stream) awaitRoom(ctx context.Context) {
	timer := time.NewTimer(time.Until(s.beat))
	defer timer.Stop()
	select {
	case <-s.backlog.room:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// pause lets messages come together when they come fast: to wait and be woken
// for each costs more than to take it, and the CPU may be that of the writers.
// With nothing left to take, and between two transactions, it waits until its
// pace has passed since it was last here; so what comes alone is read at once.
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

// report tells the server what is handed on, and asks it for an answer. The
// three positions are the same: the server keeps what is not confirmed, and
// before it shuts down waits until everything is.
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

// keepalive tells up to where the server has read the WAL. Outside of a
// transaction that confirms what was nothing to us: on a quiet table the slot
// moves on with the rest of the server.
func (s *stream) keepalive(data []byte) error {
	k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data)
	if err != nil {
		return fmt.Errorf("read the WAL: %w", err)
	}
	if !s.open {
		s.backlog.reached(k.ServerWALEnd)
	}
	if k.ReplyRequested {
		s.beat = time.Time{} // now
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

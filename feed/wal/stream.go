package wal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// silence is how many Timeouts the server may say nothing, although it is asked at
// every heartbeat. In the midst of a large transaction of somebody else's it
// answers only after half of Config.Timeout.
const silence = 6

// stream is a replication connection that reads from a slot. Its goroutine is
// the only one that uses the connection.
type stream struct {
	conn    *pgconn.PgConn
	cfg     Config
	backlog *backlog
	decoder *decoder

	open  bool // between begin and commit
	xid   uint32
	beat  time.Time // when the next status is due
	heard time.Time
}

// receive reads until ctx ends. It never waits for those who take the rows: if
// too many wait, it stops reading and goes on giving signs of life.
func (s *stream) receive(ctx context.Context) error {
	s.heard = time.Now()
	for ctx.Err() == nil {
		if err := s.report(); err != nil {
			return err
		}
		waitCtx, cancel := context.WithDeadline(ctx, s.beat)
		err := s.receiveUntil(waitCtx)
		cancel()
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// receiveUntil reads until ctx ends, at the latest when the next status is due.
func (s *stream) receiveUntil(ctx context.Context) error {
	for time.Now().Before(s.beat) {
		if s.backlog.full() {
			s.heard = time.Now() // it is we who do not listen
			select {
			case <-s.backlog.room:
			case <-ctx.Done():
				return nil
			}
			continue
		}
		message, err := s.conn.ReceiveMessage(ctx)
		if err != nil && ctx.Err() != nil && pgconn.Timeout(err) {
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

// report tells the server what is handed on, and asks it for an answer. The
// three positions are the same: the server keeps what is not confirmed, and
// before it shuts down waits until everything is.
func (s *stream) report() error {
	if limit := silence * s.cfg.Timeout; time.Since(s.heard) > limit {
		return fmt.Errorf("read the WAL: the server has been silent for %s", limit)
	}
	s.beat = time.Now().Add(s.cfg.Heartbeat)
	status := pglogrepl.StandbyStatusUpdate{WALWritePosition: s.backlog.confirmed(), ReplyRequested: true}
	if err := pglogrepl.SendStandbyStatusUpdate(context.Background(), s.conn, status); err != nil {
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
		s.backlog.reached(e.end)
	}
	return nil
}

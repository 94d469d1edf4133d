package feed

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/internal/database"
)

const (
	// channel is where the triggers announce rows.
	channel = "tasksync"
	// applicationName is what Postgres shows of the feed's own connection.
	applicationName = "tasksync feed"
)

// A session is the feed's own connection, for one goroutine at a time. No wait on it
// takes longer than a beat, a third of HungAfter, and no statement longer than two
// beats: a leader's session that is silent for three beats hangs.
type session struct {
	conn    *pgx.Conn
	beat    time.Duration   // a third of HungAfter
	receive func(id string) // takes what the triggers announce; nil: nothing does
	probed  chan string     // what arrives at database.ListenChannel

	mu          sync.Mutex
	endWait     context.CancelFunc // ends the wait that is under way
	interrupted bool               // the next wait is over at once
}

func openSession(ctx context.Context, c Config) (*session, error) {
	s := &session{beat: c.HungAfter / 3, probed: make(chan string, 16)}
	cfg := c.Session.Copy()
	cfg.ConnectTimeout = connectTimeout
	if cfg.RuntimeParams == nil {
		cfg.RuntimeParams = map[string]string{}
	}
	cfg.RuntimeParams["application_name"] = applicationName
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // leaves no prepared statement with a pooler
	cfg.OnNotification = s.dispatch
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.conn = conn
	return s, nil
}

// dispatch is called by pgx for every notification, whatever the session is doing.
func (s *session) dispatch(_ *pgconn.PgConn, n *pgconn.Notification) {
	switch {
	case n.Channel == channel && s.receive != nil:
		s.receive(n.Payload)
	case n.Channel == database.ListenChannel:
		select {
		case s.probed <- n.Payload:
		default: // full of other daemons' probes
		}
	}
}

// pid returns the server process of the session.
func (s *session) pid() uint32 { return s.conn.PgConn().PID() }

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // the connection is given up, closed or not
}

// wait receives notifications for as long as a beat, or until interrupt or ctx
// ends it.
func (s *session) wait(ctx context.Context) error {
	waitCtx, cancel := context.WithTimeout(ctx, s.beat)
	defer cancel()
	s.mu.Lock()
	if s.interrupted {
		cancel()
	}
	s.interrupted, s.endWait = false, cancel
	s.mu.Unlock()
	for {
		err := s.conn.PgConn().WaitForNotification(waitCtx)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case waitCtx.Err() == nil || s.conn.IsClosed():
			return fmt.Errorf("wait for notification: %w", err)
		default:
			return nil
		}
	}
}

// interrupt ends the wait that is under way, or the next one. Any goroutine may
// call it.
func (s *session) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupted = true
	if s.endWait != nil {
		s.endWait()
	}
}

// do runs a statement within two beats: a connection that takes longer counts as
// dead.
func (s *session) do(ctx context.Context, what string, statement func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*s.beat)
	defer cancel()
	if err := statement(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// heartbeat shows the sessions that follow that this one lives.
func (s *session) heartbeat(ctx context.Context) error {
	return s.do(ctx, "heartbeat", s.conn.Ping)
}

// listen subscribes the session to a channel.
func (s *session) listen(ctx context.Context, channel string) error {
	return s.do(ctx, "listen", func(ctx context.Context) error {
		_, err := s.conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize())
		return err
	})
}

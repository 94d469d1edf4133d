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

// channel is where the triggers announce rows.
const channel = "tasksync"

// connectTimeout bounds one try to connect.
const connectTimeout = 5 * time.Second

// A session is the feed's own connection. One goroutine owns it: that which
// follows and leads. Nothing that waits longer than a third of HungAfter is done
// on it, so that its silence means that it hangs.
type session struct {
	conn   *pgx.Conn
	beat   time.Duration   // between two signs of life
	heard  func(id string) // takes what the triggers announce; nil: nobody
	probed chan string     // what a probe notified

	mu   sync.Mutex
	wake context.CancelFunc // ends the wait that is under way
	due  bool               // the next wait is over at once
}

// open connects.
func (f *Feed) open(ctx context.Context) (*session, error) {
	s := &session{beat: f.cfg.HungAfter / 3, probed: make(chan string, 16)}
	cfg := f.cfg.Session.Copy()
	cfg.ConnectTimeout = connectTimeout
	if cfg.RuntimeParams == nil {
		cfg.RuntimeParams = map[string]string{}
	}
	cfg.RuntimeParams["application_name"] = applicationName
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // nothing of it stays with a pooler
	cfg.OnNotification = s.take
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, database.RedactPassword(err, cfg)
	}
	s.conn = conn
	return s, nil
}

// take is called by pgx for every notification, whatever the session is doing.
func (s *session) take(_ *pgconn.PgConn, n *pgconn.Notification) {
	switch {
	case n.Channel == channel && s.heard != nil:
		s.heard(n.Payload)
	case n.Channel == database.ListenChannel:
		select {
		case s.probed <- n.Payload:
		default: // other daemons' probes
		}
	}
}

// applicationName is what Postgres shows of the feed's own connection.
const applicationName = "tasksync feed"

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // nothing more is wanted of it
}

// wait receives notifications for as long as a beat, or until poke or ctx ends.
func (s *session) wait(ctx context.Context) error {
	waitCtx, cancel := context.WithTimeout(ctx, s.beat)
	defer cancel()
	s.mu.Lock()
	if s.due {
		cancel()
	}
	s.due, s.wake = false, cancel
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

// poke ends the wait that is under way, or the next one. It may be called by
// anybody.
func (s *session) poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = true
	if s.wake != nil {
		s.wake()
	}
}

// do runs a statement, in the time of a sign of life: a connection that takes
// longer counts as dead.
func (s *session) do(ctx context.Context, what string, statement func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*s.beat)
	defer cancel()
	if err := statement(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// live is a sign of life.
func (s *session) live(ctx context.Context) error {
	return s.do(ctx, "heartbeat", s.conn.Ping)
}

// listen has Postgres announce what is notified on a channel.
func (s *session) listen(ctx context.Context, channel string) error {
	return s.do(ctx, "listen", func(ctx context.Context) error {
		_, err := s.conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize())
		return err
	})
}

package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/internal/wait"
)

// follow returns nil when this session has become the leader. Of all sessions
// with advisory lock L one is; a session that ends gives it back.
func (f *Feed) follow(ctx context.Context, s *session) error {
	for first := true; ; first = false {
		leads, err := f.ask(ctx, s)
		if err != nil {
			return err
		}
		if leads {
			return nil
		}
		if first {
			f.follows(ctx)
		}
		if err := f.endHung(ctx, s); err != nil {
			return err
		}
		if err := wait.For(ctx, f.cfg.HungAfter/6); err != nil {
			return err
		}
	}
}

func (f *Feed) ask(ctx context.Context, s *session) (leads bool, err error) {
	err = s.do(ctx, "ask for the feed's lock", func(ctx context.Context) (err error) {
		leads, err = f.queries.FeedTryLead(ctx, s.conn)
		return err
	})
	return leads, err
}

// follows tells that another daemon is the feed.
func (f *Feed) follows(ctx context.Context) {
	f.metrics.mode(f.sessionMode(), stateFollowing)
	f.up()
	f.cfg.Logger.InfoContext(ctx, "[TaskSync] Another daemon is the feed; waiting for its place")
}

// endHung ends a leader's session that has been silent for too long: its process
// is stopped, or its connection is half open. Then the server frees its locks.
func (f *Feed) endHung(ctx context.Context, s *session) error {
	return s.do(ctx, "look at the leader", func(ctx context.Context) error {
		leaders, err := f.queries.FeedLeaderList(ctx, s.conn)
		if err != nil {
			return err
		}
		for _, l := range leaders {
			silent := time.Duration(l.SilentSeconds * float64(time.Second))
			if silent < f.cfg.HungAfter || l.ApplicationName != applicationName {
				continue
			}
			f.cfg.Logger.WarnContext(ctx, "[TaskSync] The feed has fallen silent; ending its session",
				"pid", l.Pid, "client_addr", l.ClientAddr, "silent", silent.Round(time.Millisecond).String())
			if _, err := f.queries.FeedTerminate(ctx, s.conn, l.Pid); err != nil {
				return f.refused(ctx, err)
			}
			f.metrics.terminated.Inc()
		}
		return nil
	})
}

// refused tells an operator who may not end the session what to grant.
func (f *Feed) refused(ctx context.Context, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "42501" {
		return fmt.Errorf("end the leader's session: %w", err)
	}
	f.cfg.Logger.ErrorContext(ctx, "[TaskSync] The silent feed is another role's and may not be ended; use one role for all daemons, or GRANT pg_signal_backend", "error", err)
	return nil
}

// sessionMode is the mode of a session that leads.
func (f *Feed) sessionMode() string {
	if f.cfg.Mode == WAL {
		return WAL
	}
	return Notify
}

package feed

import (
	"context"
	"fmt"
	"time"

	"tasksync/internal/database"
	"tasksync/internal/wait"
)

// An election decides whether a session leads. The session that holds advisory
// lock L leads and the others follow, until it ends and so releases the lock.
type election struct {
	base
	session *session
}

// win returns nil when the session has become the leader.
func (e election) win(ctx context.Context) error {
	for first := true; ; first = false {
		leads, err := e.tryLead(ctx)
		if err != nil {
			return err
		}
		if leads {
			return nil
		}
		if first {
			e.reportFollowing(ctx)
		}
		if err := e.endHung(ctx); err != nil {
			return err
		}
		if err := wait.For(ctx, e.session.beat/2); err != nil {
			return err
		}
	}
}

func (e election) tryLead(ctx context.Context) (leads bool, err error) {
	err = e.session.do(ctx, "ask for the feed's lock", func(ctx context.Context) (err error) {
		leads, err = e.queries.FeedTryLead(ctx, e.session.conn)
		return err
	})
	return leads, err
}

// reportFollowing reports that another daemon leads.
func (e election) reportFollowing(ctx context.Context) {
	e.metrics.mode(e.cfg.sessionMode(), stateFollowing)
	e.state.up()
	e.cfg.Logger.InfoContext(ctx, "[TaskSync] Another daemon is the feed; waiting for its place")
}

// endHung ends a leader's session that has been silent for too long: its process
// is stopped, or its connection is half open. The server then releases its locks.
// endHung leaves a session alone that holds lock L and is not a feed's.
func (e election) endHung(ctx context.Context) error {
	return e.session.do(ctx, "look at the leader", func(ctx context.Context) error {
		leaders, err := e.queries.FeedLeaderList(ctx, e.session.conn)
		if err != nil {
			return err
		}
		for _, l := range leaders {
			silent := time.Duration(l.SilentSeconds * float64(time.Second))
			if silent < e.cfg.HungAfter || l.ApplicationName != applicationName {
				continue
			}
			e.cfg.Logger.WarnContext(ctx, "[TaskSync] The feed has fallen silent; ending its session",
				"pid", l.Pid, "client_addr", l.ClientAddr, "silent", silent.Round(time.Millisecond).String())
			if _, err := e.queries.FeedTerminate(ctx, e.session.conn, l.Pid); err != nil {
				return e.terminateError(ctx, err)
			}
			e.metrics.terminated.Inc()
		}
		return nil
	})
}

// terminateError returns nil for a role that lacks the right to end the session,
// and says what to grant: the election can only wait then.
func (e election) terminateError(ctx context.Context, err error) error {
	if database.Code(err) != database.InsufficientPrivilege {
		return fmt.Errorf("end the leader's session: %w", err)
	}
	e.cfg.Logger.ErrorContext(ctx, "[TaskSync] The silent feed is another role's and may not be ended; use one role for all daemons, or GRANT pg_signal_backend", "error", err)
	return nil
}

package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/database"
	"tasksync/internal/wait"
	"tasksync/queries"
)

// Neither the sweep nor the jobs of a daemon that died wait for River, whose leader may
// be the daemon that died: it is followed only after a quarter of a minute, and rescues
// jobs after longer. Every daemon asks for its turn to sweep, and one of them gets it
// each time. Every daemon shows that it lives, by a lease; one that does so takes jobs
// from those that have none.
//
// While the database is away, nobody can renew a lease. So a daemon judges others only
// when its own renewals have succeeded for as long as a lease lasts, in which every other
// daemon had the same opportunity. River's own rescue stays, for what is missed here.
const (
	beatEvery  = 1500 * time.Millisecond
	leaseLasts = 7 * time.Second
	// sessionsLast is how long after the end of its lease the sessions of a daemon are
	// ended. It may be stopped, and go on.
	sessionsLast = 10 * time.Second
	// beatTimeout bounds one renewal.
	beatTimeout = 3 * time.Second
	// turnEvery is how far apart the questions for a turn to sweep are, at most.
	turnEvery = time.Second
)

// alive shows that the daemon lives, and gives back the jobs of those that do not. The
// clock is that of the wall: the machine may have slept, and the database with it.
func (c *Client) alive(ctx context.Context) {
	var last, steady time.Time // since steady every renewal has succeeded, in time
	for {
		began := time.Now().Round(0)
		if began.Sub(last) > beatEvery+beatTimeout {
			steady = began
		}
		last = began
		if err := c.beat(ctx, began.Sub(steady) >= leaseLasts); err != nil {
			steady = time.Now().Round(0)
			c.tell(ctx, err, "[TaskSync] The lease of this daemon's jobs is not renewed")
		}
		if wait.For(ctx, beatEvery) != nil {
			break
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = c.queries.WorkerLeaseRelease(ctx, c.cfg.Pool, c.river.ID()) // it expires anyway
}

// beat renews the lease and, if this daemon may judge, gives back the jobs of dead ones.
func (c *Client) beat(ctx context.Context, judge bool) error {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	err := c.queries.WorkerLeaseRenew(ctx, c.cfg.Pool, queries.WorkerLeaseRenewParams{
		Worker: c.river.ID(), Seconds: leaseLasts.Seconds(), Sessions: strings.Join(c.cfg.Sessions(), " "),
	})
	if err != nil {
		return fmt.Errorf("renew: %w", err)
	}
	if !judge {
		return nil
	}
	n, err := c.queries.JobGiveBack(ctx, c.cfg.Pool, queries.JobGiveBackParams{Worker: c.river.ID(), Seconds: leaseLasts.Seconds()})
	if err != nil {
		return fmt.Errorf("give back the jobs of daemons that are gone: %w", err)
	}
	if n > 0 {
		c.cfg.Logger.InfoContext(ctx, "[TaskSync] Jobs of a daemon that is gone are worked again", "jobs", n)
	}
	ended, err := c.queries.WorkerSessionEnd(ctx, c.cfg.Pool, sessionsLast.Seconds())
	if err != nil {
		return fmt.Errorf("end the sessions of daemons that are gone: %w", err)
	}
	if ended > 0 {
		c.cfg.Logger.InfoContext(ctx, "[TaskSync] Sessions of a daemon that is gone are ended", "sessions", ended)
	}
	return nil
}

// sweeps sweeps whenever it is this daemon's turn.
func (c *Client) sweeps(ctx context.Context) {
	again := true // at the start, and when a sweep has failed
	for {
		if turn, err := c.turn(ctx); err != nil {
			c.tell(ctx, err, "[TaskSync] Rows that no job follows are not looked for")
		} else if turn || again {
			err := c.sweep(ctx)
			again = err != nil
			if err != nil {
				c.tell(ctx, err, "[TaskSync] Rows that no job follows are not looked for")
			}
		}
		if wait.For(ctx, min(turnEvery, c.cfg.SweepInterval)) != nil {
			return
		}
	}
}

// turn reports whether a sweep is due and no other daemon makes it.
func (c *Client) turn(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	_, err := c.queries.SweepLeaseTake(ctx, c.cfg.Pool, queries.SweepLeaseTakeParams{Worker: c.river.ID(), Seconds: c.cfg.SweepInterval.Seconds()})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (c *Client) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	swept, err := c.Sweep(ctx, sweepGrace)
	if len(swept) > 0 {
		c.cfg.Logger.Info("[TaskSync] Swept rows that no job followed", "rows", len(swept))
	}
	return err
}

// tell logs an error, once a minute, unless other parts tell of it: the database is away.
func (c *Client) tell(ctx context.Context, err error, message string) {
	switch {
	case ctx.Err() != nil:
		return
	case !database.Away(err) && c.failed.First(message, c.cfg.Now()):
		c.cfg.Logger.WarnContext(ctx, message, "error", err) //nolint:sloglint // the callers' messages are constant
	default:
		c.cfg.Logger.DebugContext(ctx, message, "error", err) //nolint:sloglint // likewise
	}
}

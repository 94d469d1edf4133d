package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/database"
	"tasksync/internal/wait"
	"tasksync/queries"
)

// A poller scans the table through the pool. It uses no state of a session, so
// any pooler will do. Only the daemon that holds the lease polls, and none gets the
// lease while a session leads.
type poller struct {
	base
	holder string       // the feed's name on the lease
	asked  time.Time    // when it last asked for the lease and was answered
	holds  bool         // whether it got the lease then
	table  *tableReader // nil until it has swept
}

// run polls until ctx ends.
func (p *poller) run(ctx context.Context) {
	defer p.release()
	pause := p.cfg.PollInterval
	for {
		began := time.Now()
		err := p.step(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			pause = max(p.cfg.PollInterval, pauseAfter(began))
		default:
			p.table = nil // the next step begins with a sweep
			pause = min(2*pause, maxBackoff)
			p.state.down("feed is down: " + database.Reason(err))
			p.cfg.Logger.WarnContext(ctx, "[TaskSync] Polling failed; trying again", "error", err, "retry_in", pause.String())
		}
		if wait.For(ctx, pause) != nil {
			return
		}
	}
}

// step renews the lease after a third of its term. A poller that holds the lease
// sweeps first, and then scans.
func (p *poller) step(ctx context.Context) error {
	if time.Since(p.asked) >= p.cfg.HungAfter/3 {
		if err := p.takeLease(ctx); err != nil {
			return err
		}
	}
	if !p.holds {
		p.table = nil
		p.metrics.mode(Poll, stateFollowing)
		p.state.up()
		return nil
	}
	if p.table == nil {
		if err := p.begin(ctx); err != nil {
			return err
		}
	}
	_, err := p.table.scan(ctx)
	return err
}

func (p *poller) takeLease(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	asked := time.Now()
	_, err := p.queries.FeedLeaseTake(ctx, p.cfg.Pool, queries.FeedLeaseTakeParams{Holder: p.holder, Seconds: p.cfg.HungAfter.Seconds()})
	p.holds = err == nil
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		p.asked = time.Time{} // it is not known who has the lease: the next step asks again
		return fmt.Errorf("take the lease: %w", err)
	}
	p.asked = asked
	return nil
}

// begin sweeps the rows that are there. Scans find the rows from then on.
func (p *poller) begin(ctx context.Context) error {
	swept, err := p.holdAndSweep(ctx)
	if err != nil {
		return err
	}
	table, err := newTableReader(ctx, p.base, max(narrowOverlap, 2*p.cfg.PollInterval))
	if err != nil {
		return err
	}
	p.table = table
	p.metrics.mode(Poll, statePolling)
	p.state.up()
	p.cfg.Logger.InfoContext(ctx, "[TaskSync] Polling for new rows", "feed", Poll, "interval", p.cfg.PollInterval.String(), "swept", swept)
	return nil
}

// release lets another daemon poll at once.
func (p *poller) release() {
	if !p.holds {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.queries.FeedLeaseRelease(ctx, p.cfg.Pool, p.holder) // it expires anyway
}

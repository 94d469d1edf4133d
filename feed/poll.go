package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/wait"
	"tasksync/queries"
)

// poller looks at the rows through the pool. It uses no state of a session, so
// any pooler will do. Of several daemons the one with the lease polls; a session
// that is the feed goes before them all.
type poller struct {
	*Feed
	asked  time.Time
	holds  bool
	reader *reader // nil until it has swept
}

// poll hears of rows by polling until ctx ends.
func (f *Feed) poll(ctx context.Context) {
	p := &poller{Feed: f}
	defer p.release()
	pause := f.cfg.PollInterval
	for {
		began := time.Now()
		err := p.turn(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			pause = max(f.cfg.PollInterval, pauseAfter(began))
		default:
			p.reader = nil // begins with a sweep again
			pause = min(2*pause, maxBackoff)
			f.down(fmt.Sprintf("feed is down: %s", err))
			f.cfg.Logger.WarnContext(ctx, "[TaskSync] Polling failed; trying again", "error", err, "retry_in", pause.String())
		}
		if wait.For(ctx, pause) != nil {
			return
		}
	}
}

// turn asks for the lease three times while it lasts, sweeps with a new one, and
// looks.
func (p *poller) turn(ctx context.Context) error {
	if time.Since(p.asked) >= p.cfg.HungAfter/3 {
		if err := p.ask(ctx); err != nil {
			return err
		}
	}
	if !p.holds {
		p.reader = nil
		p.metrics.mode(Poll, stateFollowing)
		p.up()
		return nil
	}
	if p.reader == nil {
		if err := p.begin(ctx); err != nil {
			return err
		}
	}
	_, err := p.reader.look(ctx)
	return err
}

func (p *poller) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	p.asked = time.Now()
	_, err := p.queries.FeedLeaseTake(ctx, p.cfg.Pool, queries.FeedLeaseTakeParams{Holder: p.holder, Seconds: p.cfg.HungAfter.Seconds()})
	p.holds = err == nil
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take the lease: %w", err)
	}
	return nil
}

// begin sweeps, and looks from then on.
func (p *poller) begin(ctx context.Context) error {
	p.collector.hold()
	swept, err := p.sweep(ctx)
	p.collector.release(swept)
	if err != nil {
		return err
	}
	reader, err := p.newReader(ctx, max(narrowOverlap, 2*p.cfg.PollInterval))
	if err != nil {
		return err
	}
	p.reader = reader
	p.metrics.mode(Poll, statePolling)
	p.up()
	p.cfg.Logger.InfoContext(ctx, "[TaskSync] Looking for new rows", "feed", Poll, "interval", p.cfg.PollInterval.String(), "swept", len(swept))
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

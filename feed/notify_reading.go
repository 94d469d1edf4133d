package feed

import (
	"context"
	"fmt"
	"time"
)

// A reading is the time from one state of listening to the next: the triggers are
// quiet, and the leader reads the table.
type reading struct {
	*leader
	table *tableReader
}

// readWhileBusy reads the table until few rows come. It scans once before it has
// the triggers quietened: that scan overlaps with what they have announced.
func readWhileBusy(ctx context.Context, l *leader) error {
	table, err := newTableReader(ctx, l.base, narrowOverlap)
	if err != nil {
		return err
	}
	if _, err := table.scan(ctx); err != nil {
		return err
	}
	l.metrics.mode(Notify, stateReading)
	l.cfg.Logger.InfoContext(ctx, "[TaskSync] Many new rows; reading them, so that their writers need not notify")
	l.order(true)
	r := reading{l, table}
	if err := table.scanUntil(ctx, r.calm(time.Now())); err != nil {
		return err
	}
	return r.end(ctx)
}

// calm returns a function for scanUntil, which reports whether the scans found few
// rows for CalmAfter. It begins anew while the queue is full, when scans find none.
func (r reading) calm(since time.Time) func(context.Context, int) (bool, error) {
	total := 0
	return func(_ context.Context, found int) (bool, error) {
		if r.collector.full() {
			since, total = time.Now(), 0
		}
		total += found
		passed := time.Since(since)
		if passed < r.cfg.CalmAfter {
			return false, nil
		}
		few := float64(total) < float64(r.cfg.BusyRate)/2*passed.Seconds()
		since, total = time.Now(), 0
		return few, nil
	}
}

// writersTimeout bounds how long a reading waits for transactions that wrote while
// the triggers were quiet.
const writersTimeout = 30 * time.Second

// end wakes the triggers, reads until every transaction that may have written while
// they were quiet has ended, and reads once more what those have left.
func (r reading) end(ctx context.Context) error {
	r.order(false)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-r.awake:
	}
	horizon, err := r.queries.FeedHorizon(ctx, r.cfg.Pool)
	if err != nil {
		return fmt.Errorf("read the horizon: %w", err)
	}
	end := time.Now().Add(writersTimeout)
	err = r.table.scanUntil(ctx, func(ctx context.Context, _ int) (bool, error) {
		if time.Now().After(end) {
			return true, nil
		}
		return r.queries.FeedWritersEnded(ctx, r.cfg.Pool, horizon)
	})
	if err != nil {
		return err
	}
	r.table.widen()
	_, err = r.table.scan(ctx)
	return err
}

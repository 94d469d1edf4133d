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

func readWhileBusy(ctx context.Context, l *leader) error {
	table, err := newTableReader(ctx, l.base, narrowOverlap)
	if err != nil {
		return err
	}
	if _, err := table.scan(ctx); err != nil { // before any trigger is quiet
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

// calm returns a function that is told how many rows each scan found. It reports
// whether they were few for a while, and not because the queue was full.
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

// openWriters bounds how long a reading waits for transactions that wrote while
// the triggers were quiet.
const openWriters = 30 * time.Second

// end releases lock K, and reads until every transaction that may have seen it
// held has ended.
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
	end := time.Now().Add(openWriters)
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

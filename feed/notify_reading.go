package feed

import (
	"context"
	"fmt"
	"time"
)

// watch sweeps, then waits for more than can be listened to, and reads while
// there is.
func (l *leader) watch(ctx context.Context) error {
	swept, err := l.sweep(ctx)
	if err != nil {
		return err
	}
	l.collector.release(swept)
	if l.cfg.Mode == WAL {
		return l.readWAL(ctx)
	}
	l.metrics.mode(Notify, stateListening)
	l.up()
	l.cfg.Logger.InfoContext(ctx, "[TaskSync] Listening for new rows", "feed", Notify, "swept", len(swept))
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.busy:
		}
		if err := l.read(ctx); err != nil {
			return err
		}
	}
}

// sweepTimeout bounds the sweep of a new feed; what it got done by then stays
// done, and the next one goes on.
const sweepTimeout = 20 * time.Second

func (f *Feed) sweep(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	return f.cfg.To.Sweep(ctx, 0)
}

// read is the time from one state of listening to the next.
func (l *leader) read(ctx context.Context) error {
	r, err := l.newReader(ctx, narrowOverlap)
	if err != nil {
		return err
	}
	if _, err := r.look(ctx); err != nil { // before anybody is quiet
		return err
	}
	l.metrics.mode(Notify, stateReading)
	l.cfg.Logger.InfoContext(ctx, "[TaskSync] Many new rows; reading them, so that their writers need not notify")
	l.order(true)
	if err := r.run(ctx, l.calm(time.Now())); err != nil {
		return err
	}
	if err := l.wakeWriters(ctx, r); err != nil {
		return err
	}
	l.drain()
	l.metrics.mode(Notify, stateListening)
	l.cfg.Logger.InfoContext(ctx, "[TaskSync] Few new rows; listening again")
	return nil
}

func (l *leader) order(quieten bool) {
	l.orders <- quieten
	l.session.poke()
}

// calm is true when few rows were found for a while, and not because nobody could
// take them.
func (l *leader) calm(since time.Time) func(context.Context, int) (bool, error) {
	found := 0
	return func(_ context.Context, n int) (bool, error) {
		if l.collector.full() {
			since, found = time.Now(), 0
		}
		found += n
		passed := time.Since(since)
		if passed < l.cfg.CalmAfter {
			return false, nil
		}
		few := float64(found) < float64(l.cfg.BusyRate)/2*passed.Seconds()
		since, found = time.Now(), 0
		return few, nil
	}
}

// openWriters bounds how long the reader waits for transactions that wrote while
// the triggers were quiet.
const openWriters = 30 * time.Second

// wakeWriters releases K and reads on until nobody who saw it held is left.
func (l *leader) wakeWriters(ctx context.Context, r *reader) error {
	l.order(false)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.awake:
	}
	horizon, err := l.queries.FeedHorizon(ctx, l.cfg.Pool)
	if err != nil {
		return fmt.Errorf("read the horizon: %w", err)
	}
	end := time.Now().Add(openWriters)
	err = r.run(ctx, func(ctx context.Context, _ int) (bool, error) {
		if time.Now().After(end) {
			return true, nil
		}
		return l.queries.FeedWritersEnded(ctx, l.cfg.Pool, horizon)
	})
	if err != nil {
		return err
	}
	r.widen()
	_, err = r.look(ctx)
	return err
}

// drain forgets a sign of load that is over.
func (l *leader) drain() {
	select {
	case <-l.busy:
	default:
	}
}

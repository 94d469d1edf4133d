package live

import (
	"context"
	"math/rand/v2"
	"time"

	"tasksync/internal/wait"
)

// Run serves the subscriptions until ctx ends, then ends them with ErrClosing and
// returns nil. It has a database connection while there are subscriptions, and
// for a minute after the last of them has ended. When the connection is lost, Run
// makes another; subscribers only get their events later.
func (b *Broker) Run(ctx context.Context) error {
	defer b.close()
	b.backoff = wait.Backoff{Least: 100 * time.Millisecond, Most: b.bounds.backoff}
	for b.awaitSubscriber(ctx) {
		err := b.serve(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		if !b.interrupted {
			b.cfg.Logger.Warn("[TaskSync] Live updates are interrupted; connecting again", "error", err)
		}
		b.interrupted = true
		d := b.backoff.Next()
		_ = wait.For(ctx, d/2+rand.N(d/2+1)) //nolint:gosec // jitter
	}
	return nil
}

// awaitSubscriber returns true when there is a subscription, and false when ctx has
// ended.
func (b *Broker) awaitSubscriber(ctx context.Context) bool {
	for ctx.Err() == nil {
		if n, _ := b.audience(); n > 0 {
			return true
		}
		select {
		case <-ctx.Done():
		case <-b.arrived:
		}
	}
	return false
}

// serve makes one connection and runs steps until one fails or ctx ends. It returns
// nil when the connection is not needed any more.
func (b *Broker) serve(ctx context.Context) error {
	l, err := connect(ctx, b.cfg.ConnConfig)
	if err != nil {
		return err
	}
	defer l.close()
	for ctx.Err() == nil {
		n, lastEnd := b.audience()
		if n == 0 { // keep the connection for a while: a subscriber may come back
			rest := b.bounds.idle - time.Since(lastEnd)
			if rest <= 0 {
				return nil
			}
			if err := b.wait(ctx, l, rest); err != nil {
				return err
			}
			continue
		}
		if err := b.step(ctx, l); err != nil {
			return err
		}
		if err := wait.For(ctx, b.bounds.pause); err != nil { // notifications collect
			return err
		}
		if err := b.wait(ctx, l, b.cfg.Interval-b.bounds.pause); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// audience returns the number of subscriptions that have not ended, and when one last
// ended.
func (b *Broker) audience() (n int, lastEnd time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total, b.lastEnd
}

// wait returns at a notification, when a subscription can join, or after d.
func (b *Broker) wait(ctx context.Context, l *listener, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if !b.setInterrupt(cancel) {
		return nil
	}
	defer b.setInterrupt(nil)
	return l.wait(ctx)
}

// setInterrupt stores cancel, which is called when a subscription can join, and when the
// last one has ended. It returns false if that is so already.
func (b *Broker) setInterrupt(cancel context.CancelFunc) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.interrupt = cancel
	if cancel != nil && b.emptied {
		b.emptied = false
		return false
	}
	return len(b.ready()) == 0
}

// close ends all subscriptions and refuses new ones.
func (b *Broker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.joining = true, nil
	for _, subscriptions := range b.users {
		for s := range subscriptions {
			b.end(s, ErrClosing)
		}
	}
}

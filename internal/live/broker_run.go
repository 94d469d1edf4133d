package live

import (
	"context"
	"math/rand/v2"
	"time"

	"tasksync/internal/database"
)

// Run serves the subscribers until ctx ends, then ends them with ErrClosing and
// returns nil. It has a database connection while there are subscribers, and for
// a minute after the last has gone. When it loses the connection it makes
// another; the subscribers only notice that they hear later.
func (b *Broker) Run(ctx context.Context) error {
	defer b.close()
	for b.awaitSubscriber(ctx) {
		err := b.serve(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		if b.failures == 0 {
			b.cfg.Logger.Warn("[TaskSync] Live updates are interrupted; connecting again", "error", database.RedactPassword(err, b.cfg.ConnConfig))
		}
		wait := min(100*time.Millisecond<<min(b.failures, 10), b.limits.backoff)
		b.failures++
		sleep(ctx, wait/2+rand.N(wait/2+1)) //nolint:gosec // jitter
	}
	return nil
}

// awaitSubscriber returns when there is one, and with false when ctx has ended.
func (b *Broker) awaitSubscriber(ctx context.Context) bool {
	for ctx.Err() == nil {
		if n, _ := b.audience(); n > 0 {
			return true
		}
		select {
		case <-ctx.Done():
		case <-b.came:
		}
	}
	return false
}

// serve is one connection's life. It returns nil when it was not needed any more.
func (b *Broker) serve(ctx context.Context) error {
	l, err := connect(ctx, b.cfg.ConnConfig)
	if err != nil {
		return err
	}
	defer l.close()
	for ctx.Err() == nil {
		n, left := b.audience()
		if n == 0 {
			rest := b.limits.idle - time.Since(left)
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
		sleep(ctx, b.limits.pause)
		if err := b.wait(ctx, l, b.cfg.Interval-b.limits.pause); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// audience is how many subscribers there are, and when the last one went.
func (b *Broker) audience() (n int, left time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total, b.left
}

// wait returns when there is a notification, when somebody can join, or
// after d.
func (b *Broker) wait(ctx context.Context, l *listener, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if !b.interruptWith(cancel) {
		return nil
	}
	defer b.interruptWith(nil)
	return l.wait(ctx)
}

// interruptWith has the next one who can join call cancel. It is false if there is
// one already.
func (b *Broker) interruptWith(cancel context.CancelFunc) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.interrupt = cancel
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

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Package wait holds waits that a context ends, and backoff.
package wait

import (
	"context"
	"time"
)

// For waits for d and returns nil. If ctx ends first, For returns ctx.Err().
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Backoff computes the waits between attempts that fail: Least, then twice as long
// each time, up to Most. The caller sets both. A Backoff is not safe for concurrent
// use.
type Backoff struct {
	Least, Most time.Duration

	last time.Duration
}

// Next returns the wait before the next attempt.
func (b *Backoff) Next() time.Duration {
	b.last = min(max(b.Least, 2*b.last), b.Most)
	return b.last
}

// Reset makes the next wait Least again, after a success.
func (b *Backoff) Reset() { b.last = 0 }

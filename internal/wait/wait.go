// Package wait waits for a while, and longer after each failure.
package wait

import (
	"context"
	"time"
)

// For waits until d is over. When ctx ends first, it returns ctx.Err().
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

// Backoff gives the waits between the tries of something that fails: Least,
// then twice as long each time, Most at most. Its user sets both. It is not safe
// for concurrent use.
type Backoff struct {
	Least, Most time.Duration

	last time.Duration
}

// Next is the wait before the next try.
func (b *Backoff) Next() time.Duration {
	b.last = min(max(b.Least, 2*b.last), b.Most)
	return b.last
}

// Reset begins again with Least, after a success.
func (b *Backoff) Reset() { b.last = 0 }

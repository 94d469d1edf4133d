package wal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tasksync/internal/wait"
	"tasksync/queries"
)

const (
	// handOnTimeout bounds one try: a dead connection may report no error.
	handOnTimeout = 10 * time.Second
	// patience is how long handing on is tried before Run gives up: a server that
	// shuts down waits for a reader that has not confirmed everything.
	patience       = 30 * time.Second
	firstBackoff   = 100 * time.Millisecond
	longestBackoff = 5 * time.Second
	// firstPause and longestPause bound the waits between two looks whether a
	// transaction that was read is visible.
	firstPause   = time.Millisecond
	longestPause = 50 * time.Millisecond
)

// handOn hands on the rows of the backlog until ctx ends. Rows that arrive while a
// hand-on is under way form the next one.
func (r *Reader) handOn(ctx context.Context, b *backlog) error {
	if err := r.cfg.Ready(ctx); err != nil {
		return err
	}
	backoff := wait.Backoff{Least: firstPause, Most: longestPause}
	for {
		n, err := r.handOnPatiently(ctx, b)
		switch {
		case err != nil:
			return err
		case n > 0:
			backoff.Reset()
			continue
		}
		if err := b.wait(ctx, backoff.Next()); err != nil {
			return err
		}
	}
}

// handOnPatiently calls handOnOnce until it succeeds, for patience at most.
func (r *Reader) handOnPatiently(ctx context.Context, b *backlog) (n int, err error) {
	began, backoff := time.Now(), wait.Backoff{Least: firstBackoff, Most: longestBackoff}
	for {
		n, err := r.handOnOnce(ctx, b)
		switch {
		case err == nil:
			return n, nil
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case shuttingDown(err) || time.Since(began) > patience:
			return 0, err
		}
		pause := backoff.Next()
		r.cfg.Logger.Warn("[TaskSync] Handing on new rows failed; trying again", "error", err, "retry_in", pause.String())
		if err := wait.For(ctx, pause); err != nil {
			return 0, err
		}
	}
}

// handOnOnce hands on the rows that are visible by now, maxHandOn at most, and
// returns how many they were.
func (r *Reader) handOnOnce(ctx context.Context, b *backlog) (n int, err error) {
	if b.empty() {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, handOnTimeout)
	defer cancel()
	snapshot, err := r.queries.SnapshotGet(ctx, r.cfg.Pool)
	if err != nil {
		return 0, fmt.Errorf("look which transactions are running: %w", err)
	}
	ids := b.take(func(xid uint32) bool { return sees(snapshot, xid) })
	if len(ids) == 0 {
		return 0, nil
	}
	if err := r.cfg.To.HandOn(ctx, ids); err != nil {
		b.putBack()
		return 0, fmt.Errorf("hand on new rows: %w", err)
	}
	b.finish()
	r.metrics.rows.Add(float64(len(ids)))
	return len(ids), nil
}

// sees reports whether the snapshot sees what transaction xid has committed. A commit
// is in the WAL before other transactions can see it: a moment before, or, if the
// commit waits for a standby, a long time before. xid is the lower half of the
// transaction's number; of the whole numbers with that half, the transaction has the
// one nearest to the snapshot's.
func sees(s queries.SnapshotGetRow, xid uint32) bool {
	whole := s.NextXid + int64(int32(xid-uint32(s.NextXid)))
	return whole < s.NextXid && !slices.Contains(s.Running, whole)
}

// wait returns when there may be rows to hand on: a row was read, or rows are left
// and d has passed.
func (b *backlog) wait(ctx context.Context, d time.Duration) error {
	var again <-chan time.Time
	if !b.empty() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		again = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-b.wake:
	case <-again:
	}
	return nil
}

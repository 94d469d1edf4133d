package jobs

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"tasksync/queries"
	"tasksync/syncer"
)

// expireWorker looks for late results, and deletes what is past its retention.
type expireWorker struct {
	river.WorkerDefaults[ExpireArgs]
	syncer   *syncer.Syncer
	queries  *queries.Queries
	client   *Client
	running  atomic.Bool
	searched time.Time // when left-over memories were last searched for; only the run under way uses it
	kept     time.Time // when the upkeep of the extra kinds was last done; likewise
}

// Work implements river.Worker. While an upstream hangs, a run takes longer than
// the time between two. Then the next run ends at once: it leaves the rows to
// the run under way, and the queue to the sweep.
func (w *expireWorker) Work(ctx context.Context, _ *river.Job[ExpireArgs]) error {
	if !w.running.CompareAndSwap(false, true) {
		return nil
	}
	defer w.running.Store(false)
	_, err := w.syncer.Late(ctx)
	if err != nil && ctx.Err() != nil {
		return nil // out of time, or stopping: the next run continues
	}
	if forget := w.forgetEvents(ctx); forget != nil {
		return errors.Join(err, forget)
	}
	return errors.Join(err, w.forgetMemories(ctx), w.upkeep(ctx))
}

const (
	// eventRetention is how long generation_events are kept.
	eventRetention = 30 * 24 * time.Hour
	// staleMemory is how long a memory of a row that has ended may be left over, after
	// a daemon that ended in between.
	staleMemory = time.Hour
	// staleEvery spaces the searches for such memories, each of which reads a row of the
	// application's for every memory of more than an hour.
	staleEvery = time.Minute
	// deleteMax bounds the rows that one statement deletes, and deleteRounds the
	// statements of one run.
	deleteMax    = 1000
	deleteRounds = 20
)

// forgetEvents deletes events that are past their retention, as many as one run has
// the time for.
func (w *expireWorker) forgetEvents(ctx context.Context) error {
	before := w.client.cfg.Now().Add(-eventRetention)
	for range deleteRounds {
		n, err := w.queries.EventDeleteOlderThan(ctx, w.client.cfg.Pool, queries.EventDeleteOlderThanParams{Before: before, MaxRows: deleteMax})
		if err != nil || n < deleteMax {
			return err
		}
	}
	return nil
}

// forgetMemories deletes memories that are left over.
func (w *expireWorker) forgetMemories(ctx context.Context) error {
	now := w.client.cfg.Now()
	if now.Sub(w.searched).Abs() < staleEvery {
		return nil
	}
	w.searched = now
	_, err := w.queries.MemoryDeleteStale(ctx, w.client.cfg.Pool, queries.MemoryDeleteStaleParams{
		Before: now.Add(-staleMemory), MaxRows: deleteMax,
	})
	return err
}

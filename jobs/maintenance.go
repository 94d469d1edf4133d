package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"tasksync/internal/recent"
	"tasksync/queries"
	"tasksync/syncer"
)

// sweepWorker runs the sweep.
type sweepWorker struct {
	river.WorkerDefaults[SweepArgs]
	client *Client
}

// Work implements river.Worker.
func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[SweepArgs]) error {
	swept, err := w.client.Sweep(ctx, sweepGrace)
	if len(swept) > 0 {
		w.client.cfg.Logger.Info("[TaskSync] Swept rows that no job followed", "rows", len(swept))
	}
	return err
}

// expireWorker looks for late results, and forgets what is past its retention.
type expireWorker struct {
	river.WorkerDefaults[ExpireArgs]
	syncer  *syncer.Syncer
	queries *queries.Queries
	client  *Client
	running atomic.Bool
	stale   time.Time // when memories were last looked through; only a run under way touches it
}

// Work implements river.Worker. While the upstream hangs, a run is longer than
// the space between two; then the next one leaves the rows, and the queue that
// it shares with the sweep, to the one that is under way.
func (w *expireWorker) Work(ctx context.Context, _ *river.Job[ExpireArgs]) error {
	if !w.running.CompareAndSwap(false, true) {
		return nil
	}
	defer w.running.Store(false)
	_, err := w.syncer.Late(ctx)
	if err != nil && ctx.Err() != nil {
		return nil // out of time, or stopping: the next run goes on
	}
	return errors.Join(err, w.forget(ctx))
}

// forget deletes events that are past their retention, as many as one run has
// the time for.
func (w *expireWorker) forget(ctx context.Context) error {
	const atOnce, rounds = 1000, 20
	for range rounds {
		n, err := w.queries.EventDeleteOlderThan(ctx, w.client.cfg.Pool, queries.EventDeleteOlderThanParams{
			Before: w.client.cfg.Now().Add(-w.client.cfg.EventRetention), MaxRows: atOnce,
		})
		if err != nil {
			return err
		}
		if n < atOnce {
			break
		}
	}
	now := w.client.cfg.Now()
	if now.Sub(w.stale).Abs() < staleEvery {
		return nil
	}
	w.stale = now
	_, err := w.queries.MemoryDeleteStale(ctx, w.client.cfg.Pool, queries.MemoryDeleteStaleParams{
		Before: now.Add(-staleMemory), MaxRows: atOnce,
	})
	return err
}

// staleMemory is how long what is remembered of a row that has ended may be left
// over, by a daemon that ended in between.
const staleMemory = time.Hour

// staleEvery spaces the looks at all that is remembered, each of which takes a row of
// the application's for every memory of more than an hour.
const staleEvery = time.Minute

// errorHandler makes River's errors and panics part of the daemon's log.
type errorHandler struct {
	logger *slog.Logger
	told   *recent.Seldom
	now    func() time.Time
}

// HandleError implements river.ErrorHandler. A job whose arguments cannot be
// read will never be of use: it is cancelled, so that the sweep gives its rows
// another one.
func (h *errorHandler) HandleError(ctx context.Context, job *jobRow, err error) *river.ErrorHandlerResult {
	if unreadable(err) {
		h.logger.ErrorContext(ctx, "[TaskSync] Job cannot be read; it is cancelled, and its rows are swept", "job_id", job.ID, "kind", job.Kind, "error", err)
		return &river.ErrorHandlerResult{SetCancelled: true}
	}
	level := slog.LevelDebug // without a database every job fails
	if h.told.First("failed", h.now()) {
		level = slog.LevelError
	}
	h.logger.Log(ctx, level, "[TaskSync] Job failed; it is tried again, or swept", "job_id", job.ID, "kind", job.Kind, "attempt", job.Attempt, "error", err)
	return nil
}

func unreadable(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &kind)
}

// HandlePanic implements river.ErrorHandler.
func (h *errorHandler) HandlePanic(ctx context.Context, job *jobRow, panicVal any, trace string) *river.ErrorHandlerResult {
	h.logger.ErrorContext(ctx, "[TaskSync] Job panicked; it is tried again, or swept", "job_id", job.ID, "kind", job.Kind, "attempt", job.Attempt, "panic", panicVal, "trace", trace)
	return nil
}

// retryPolicy spaces the attempts of jobs whose pass could not be made: 1 s, 2 s,
// 4 s, … 30 s.
type retryPolicy struct{ now func() time.Time }

// NextRetry implements river.ClientRetryPolicy.
func (p *retryPolicy) NextRetry(job *jobRow) time.Time {
	wait := 30 * time.Second
	if n := len(job.Errors); n < 5 {
		wait = time.Second << n
	}
	return p.now().Add(wait)
}

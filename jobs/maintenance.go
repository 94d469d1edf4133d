package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

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

// expireWorker applies the deadline and forgets old events.
type expireWorker struct {
	river.WorkerDefaults[ExpireArgs]
	syncer  *syncer.Syncer
	queries *queries.Queries
	client  *Client
}

// Work implements river.Worker.
func (w *expireWorker) Work(ctx context.Context, _ *river.Job[ExpireArgs]) error {
	n, err := w.syncer.Expire(ctx)
	if n > 0 {
		w.client.cfg.Logger.Info("[TaskSync] Applied the deadline to overdue rows", "rows", n)
	}
	if err != nil {
		return err
	}
	_, err = w.queries.EventDeleteOlderThan(ctx, w.client.cfg.Pool, queries.EventDeleteOlderThanParams{
		Before: w.client.cfg.Now().Add(-w.client.cfg.EventRetention), MaxRows: 1000,
	})
	return err
}

// errorHandler makes River's errors and panics part of the daemon's log.
type errorHandler struct{ logger *slog.Logger }

// HandleError implements river.ErrorHandler.
func (h *errorHandler) HandleError(ctx context.Context, job *jobRow, err error) *river.ErrorHandlerResult {
	h.logger.ErrorContext(ctx, "[TaskSync] Job failed; it is tried again, or swept", "job_id", job.ID, "kind", job.Kind, "attempt", job.Attempt, "error", err)
	return nil
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

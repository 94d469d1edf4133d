package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"tasksync/internal/recent"
)

// errorHandler logs the errors and panics of jobs.
type errorHandler struct {
	logger *slog.Logger
	told   *recent.Counted
	now    func() time.Time
}

// HandleError implements river.ErrorHandler. It cancels a job whose arguments
// cannot be read, because it can never work: the sweep then gives its rows
// another job.
func (h *errorHandler) HandleError(ctx context.Context, job *jobRow, err error) *river.ErrorHandlerResult {
	if unreadable(err) {
		h.logger.ErrorContext(ctx, "[TaskSync] Job cannot be read; it is cancelled, and its rows are swept", "job_id", job.ID, "kind", job.Kind, "error", err)
		return &river.ErrorHandlerResult{SetCancelled: true}
	}
	level := slog.LevelDebug // without a database every job fails
	left, first := h.told.First("failed", h.now())
	if first {
		level = slog.LevelError
	}
	h.logger.Log(ctx, level, "[TaskSync] Job failed; it is tried again, or swept", "job_id", job.ID, "kind", job.Kind, "attempt", job.Attempt, "error", err, "left_out", left)
	return nil
}

// unreadable reports whether err says that a job's arguments are no JSON, or JSON of
// another shape.
func unreadable(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, kind := errors.AsType[*json.UnmarshalTypeError](err)
	return syntax || kind
}

// HandlePanic implements river.ErrorHandler.
func (h *errorHandler) HandlePanic(ctx context.Context, job *jobRow, panicVal any, trace string) *river.ErrorHandlerResult {
	h.logger.ErrorContext(ctx, "[TaskSync] Job panicked; it is tried again, or swept", "job_id", job.ID, "kind", job.Kind, "attempt", job.Attempt, "panic", panicVal, "trace", trace)
	return nil
}

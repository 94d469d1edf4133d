package jobs

import (
	"context"
	"log/slog"
	"time"

	"tasksync/internal/recent"
)

// quiet returns a logger that passes on River's warnings and errors, each
// message once a minute, with how often it came in between: without its database River
// repeats itself ten times a second, and for every job. The workers log their own work.
func quiet(logger *slog.Logger, now func() time.Time) *slog.Logger {
	return slog.New(&quietHandler{logger.With("library", "river").Handler(), newTold(), now})
}

type quietHandler struct {
	slog.Handler
	told *recent.Counted
	now  func() time.Time
}

func newTold() *recent.Counted {
	return &recent.Counted{Seldom: recent.Seldom{Again: sayAgain}}
}

// sayAgain is how long after it was logged a message is logged again.
const sayAgain = time.Minute

// Enabled implements slog.Handler.
func (h *quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *quietHandler) Handle(ctx context.Context, r slog.Record) error {
	left, first := h.told.First(r.Message, h.now())
	if !first {
		return nil
	}
	if left > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", left))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &quietHandler{h.Handler.WithAttrs(attrs), h.told, h.now}
}

// WithGroup implements slog.Handler.
func (h *quietHandler) WithGroup(name string) slog.Handler {
	return &quietHandler{h.Handler.WithGroup(name), h.told, h.now}
}

package jobs

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// quiet passes on River's warnings and errors, each message once a minute: without
// its database River repeats itself ten times a second, and for every job. What
// jobs do is logged by the parts that do it.
func quiet(logger *slog.Logger, now func() time.Time) *slog.Logger {
	return slog.New(&quietHandler{logger.Handler(), &told{now: now}})
}

type quietHandler struct {
	slog.Handler
	told *told
}

// sayAgain is when a message is passed on again.
const sayAgain = time.Minute

// told is when each message was passed on. Messages are constants of the code that
// logs them, so that there are few.
type told struct {
	now func() time.Time

	mu sync.Mutex
	at map[string]time.Time
}

// first reports whether message is to be passed on.
func (t *told) first(message string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if at, ok := t.at[message]; ok && now.Sub(at).Abs() < sayAgain {
		return false
	}
	if t.at == nil {
		t.at = map[string]time.Time{}
	}
	t.at[message] = now
	return true
}

// Enabled implements slog.Handler.
func (h *quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *quietHandler) Handle(ctx context.Context, r slog.Record) error {
	if !h.told.first(r.Message) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &quietHandler{h.Handler.WithAttrs(attrs), h.told}
}

// WithGroup implements slog.Handler.
func (h *quietHandler) WithGroup(name string) slog.Handler {
	return &quietHandler{h.Handler.WithGroup(name), h.told}
}

package jobs

import (
	"context"
	"log/slog"
)

// quiet gives River's own messages from warnings on; what jobs do is logged by
// those who do it.
func quiet(logger *slog.Logger) *slog.Logger { return slog.New(&atLeastWarn{logger.Handler()}) }

type atLeastWarn struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h *atLeastWarn) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h *atLeastWarn) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &atLeastWarn{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *atLeastWarn) WithGroup(name string) slog.Handler {
	return &atLeastWarn{h.Handler.WithGroup(name)}
}

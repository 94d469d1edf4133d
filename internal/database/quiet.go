package database

import (
	"context"
	"log/slog"
	"time"
)

// Quiet returns a handler that keeps the warnings and errors to itself that repeat,
// part by part and try by try, what the Guard says of a trouble once a minute. They
// become debug lines. An error that says something else passes.
func (g *Guard) Quiet(h slog.Handler) slog.Handler { return quietHandler{h, g} }

type quietHandler struct {
	slog.Handler
	guard *Guard
}

// echoes is how long after a trouble its errors may still be logged: by parts that
// try a few times before they say so.
const echoes = 5 * time.Second

func (g *Guard) troubled() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reason != "" || time.Since(g.ended) < echoes
}

// Handle implements slog.Handler.
func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn || !echo(r) || !h.guard.troubled() {
		return h.Handler.Handle(ctx, r)
	}
	if !h.Handler.Enabled(ctx, slog.LevelDebug) {
		return nil
	}
	r.Level = slog.LevelDebug
	return h.Handler.Handle(ctx, r)
}

// echo reports whether a record is about an error that says that the database is
// away. River gives its errors as texts, under a name that no part of ours uses.
func echo(r slog.Record) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		found = ok && Away(err) || a.Key == "err"
		return !found
	})
	return found
}

// WithAttrs implements slog.Handler.
func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs), h.guard}
}

// WithGroup implements slog.Handler.
func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name), h.guard}
}

package database

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"time"
)

// Quiet returns a handler that keeps the warnings and errors to itself that repeat,
// part by part and try by try, what the Guard says of a trouble once a minute. They
// become debug lines. An error that says something else passes.
//
// A library (attribute "library") gives errors as texts, so all of its warnings count.
func (g *Guard) Quiet(h slog.Handler) slog.Handler { return quietHandler{Handler: h, guard: g} }

type quietHandler struct {
	slog.Handler
	guard   *Guard
	library bool
}

// echoes is how long after the Guard has heard of a trouble, or of its end, its errors
// may still be logged: by parts that try a few times before they say so.
const echoes = 5 * time.Second

func (g *Guard) troubled() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reason != "" || time.Since(g.echoed) < echoes
}

// Handle implements slog.Handler.
func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn || !h.library && !echo(r) || !h.guard.troubled() {
		return h.Handler.Handle(ctx, r)
	}
	if !h.Handler.Enabled(ctx, slog.LevelDebug) {
		return nil
	}
	r.Level = slog.LevelDebug
	return h.Handler.Handle(ctx, r)
}

// echo reports whether a record is about an error that says that the database, and
// not a server of HTTP, is away.
func echo(r slog.Record) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		_, call := errors.AsType[*url.Error](err)
		found = ok && Away(err) && !call
		return !found
	})
	return found
}

// WithAttrs implements slog.Handler.
func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.Handler, h.library = h.Handler.WithAttrs(attrs), h.library || slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == "library" })
	return h
}

// WithGroup implements slog.Handler.
func (h quietHandler) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

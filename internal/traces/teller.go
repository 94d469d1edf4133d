package traces

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"tasksync/task"
)

// teller logs that traces are not delivered: when that begins, once a minute while it
// lasts, and when it is over. It is safe for concurrent use.
type teller struct {
	logger *slog.Logger

	mu       sync.Mutex
	said     time.Time
	failures int
	told     bool
}

// sayAgain is the time between two log lines about failures.
const sayAgain = time.Minute

func (t *teller) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures++
	if now := time.Now(); now.Sub(t.said) >= sayAgain {
		t.said, t.told = now, true
		t.logger.Warn("[TaskSync] Traces are not delivered; spans are dropped, passes go on", "error", redacted(err), "failures", t.failures)
	}
}

func (t *teller) delivered() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.told {
		t.logger.Info("[TaskSync] Traces are delivered again", "failures", t.failures)
	}
	t.failures, t.told = 0, false
}

// watched is an exporter whose failures a teller logs.
type watched struct {
	sdk.SpanExporter
	teller *teller
}

// ExportSpans implements sdk.SpanExporter.
func (w watched) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := w.SpanExporter.ExportSpans(ctx, spans); err != nil {
		w.teller.failed(err)
		return nil //nolint:nilerr // the SDK would only give it to the teller
	}
	w.teller.delivered()
	return nil
}

// redacted is an error as it may be logged: a collector's answer, and the address, may
// hold anything.
func redacted(err error) error { return errors.New(task.Redact(err.Error())) }

// named is a handler for the messages of OpenTelemetry, which come with the values of
// variables that it does not understand: a key, if its header is written in another form than
// name=value. Of what stands beside a message only the error is logged.
type named struct{ slog.Handler }

// Handle implements slog.Handler.
func (h named) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" {
			out.AddAttrs(slog.String("error", task.Redact(fmt.Sprint(a.Value.Any()))))
		}
		return true
	})
	return h.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler: they are left out, too.
func (h named) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h named) WithGroup(string) slog.Handler { return h }

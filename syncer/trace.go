package syncer

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tasksync/internal/database"
	"tasksync/task"
)

// A pass that asks for rows, or decides on them without asking, is one trace:
//
//	pass             via, number and ids of the rows
//	├ load           the rows as they were read
//	├ GET, POST      each call to the provider (package upstream)
//	├ probe          each URL that was probed
//	├ commit         each transaction
//	└ row            each row whose status changed, or that the pass failed
//
// Its beginning and its load are recorded only once the pass is known to have something
// to do: most passes have not, and make no trace. Spans hold ids, closed words and
// numbers, no text of a row, a provider or the database.
//
// Without [Config.Tracer] nothing here allocates.

// maxTracedIDs bounds the ids of a span; no cohort is larger.
const maxTracedIDs = 100

// tracedLoad is when a pass began, and when its rows were read.
type tracedLoad struct{ began, loaded time.Time }

// tracePass begins the trace of a pass over the due rows. The caller ends the span, which
// records nothing if there is no trace.
func (s *Syncer) tracePass(ctx context.Context, via Via, load tracedLoad, due []*member) (context.Context, trace.Span) {
	if s.cfg.Tracer == nil || len(due) == 0 {
		return ctx, noSpan()
	}
	ids := make([]string, 0, min(len(due), maxTracedIDs))
	for _, m := range due[:cap(ids)] {
		ids = append(ids, m.g.ID)
	}
	ctx, pass := s.cfg.Tracer.Start(ctx, "pass", trace.WithTimestamp(load.began), trace.WithAttributes(
		attribute.String("tasksync.via", string(via)), attribute.Int("tasksync.rows", len(due)), attribute.StringSlice("tasksync.generation_ids", ids)))
	if len(due) == 1 {
		pass.SetAttributes(attribute.String("tasksync.generation_id", due[0].g.ID))
	}
	_, read := s.cfg.Tracer.Start(ctx, "load", trace.WithTimestamp(load.began))
	read.End(trace.WithTimestamp(load.loaded))
	return ctx, pass
}

// traceFailedLoad records a pass that could not read its rows.
func (s *Syncer) traceFailedLoad(ctx context.Context, via Via, began time.Time, err error) {
	if s.cfg.Tracer == nil || ctx.Err() != nil {
		return
	}
	start := trace.WithTimestamp(began)
	ctx, pass := s.cfg.Tracer.Start(ctx, "pass", start, trace.WithAttributes(attribute.String("tasksync.via", string(via))))
	_, read := s.cfg.Tracer.Start(ctx, "load", start)
	endSpan(read, err)
	endSpan(pass, err)
}

// traceRows records what a pass did to rows: those whose status it changed, and those
// that it failed.
func traceRows(ctx context.Context, members map[string]*member, results map[string]Result) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	for id, r := range results {
		if m := members[id]; m != nil && (r.NewStatus != "" || r.Outcome == task.OutcomeFailed) {
			traceRow(ctx, m.g, r)
		}
	}
}

// traceRow records what became of one row.
func traceRow(ctx context.Context, g task.Generation, r Result) {
	_, row := childSpan(ctx, "row")
	defer row.End()
	if !row.IsRecording() {
		return
	}
	row.SetAttributes(
		attribute.String("tasksync.generation_id", g.ID), attribute.String("tasksync.task_type", string(g.Type)),
		attribute.String("tasksync.outcome", string(r.Outcome)), attribute.String("tasksync.reason", r.Reason))
	switch {
	case r.NewStatus != "":
		row.SetAttributes(attribute.String("tasksync.status", string(r.NewStatus)))
	case r.Outcome == task.OutcomeFailed:
		row.SetStatus(codes.Error, r.Reason)
	}
}

// traceFetch records in a pass why a fetch failed, perhaps without a call: an operator, a
// limit or an open breaker may have kept it back.
func traceFetch(ctx context.Context, provider string, err error) {
	pass := trace.SpanFromContext(ctx)
	if err == nil || !pass.IsRecording() {
		return
	}
	reason := "fetch_error"
	if f, ok := errors.AsType[*task.Failure](err); ok {
		reason = f.Reason
	} else if errors.Is(err, context.DeadlineExceeded) {
		reason = "deadline"
	}
	pass.AddEvent("fetch failed", trace.WithAttributes(attribute.String("tasksync.provider", provider), attribute.String("tasksync.reason", reason)))
}

// childSpan begins a span in the trace of ctx. In no trace, it returns ctx with a span
// that records nothing.
func childSpan(ctx context.Context, name string) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, noSpan()
	}
	return parent.TracerProvider().Tracer("tasksync").Start(ctx, name)
}

// noSpan returns a span that records nothing.
func noSpan() trace.Span { return trace.SpanFromContext(context.Background()) }

// endSpan ends a span of the database. Of an error it tells the SQLSTATE alone: a message
// may quote a row.
func endSpan(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		why := "the database did not answer"
		if code := database.Code(err); code != "" {
			why = "SQLSTATE " + code
			span.SetAttributes(attribute.String("db.response.status_code", code))
		}
		span.SetStatus(codes.Error, why)
	}
	span.End()
}

package upstream

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tasksync/task"
)

// A call made in a trace is a client span of it, from sending the call to the end of its
// answer. It has no path, query or body, which hold ids of tasks, and no header: the
// provider is told nothing of the trace. Outside of a trace nothing here allocates.

// traceCall begins the span of a call that waited so long for its slot.
func (c *Client) traceCall(ctx context.Context, k call, waited time.Duration) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, trace.SpanFromContext(context.Background())
	}
	return parent.TracerProvider().Tracer("tasksync").Start(ctx, k.method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("tasksync.provider", c.pause.provider), attribute.String("http.request.method", k.method),
		attribute.String("server.address", c.base.Hostname()), attribute.Float64("tasksync.waited_seconds", waited.Seconds())))
}

// traceStatus records the HTTP status of the call of ctx.
func traceStatus(ctx context.Context, status int) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
	}
}

// traceEnd ends the span of a call.
func traceEnd(span trace.Span, end callEnd) {
	if span.IsRecording() {
		span.SetAttributes(attribute.String("tasksync.code", end.label))
		if reason := reasonOf(end); reason != "" {
			span.SetAttributes(attribute.String("error.type", reason))
			span.SetStatus(codes.Error, reason)
		}
	}
	span.End()
}

// reasonOf is the word for what made a call fail; "" if it did not: a verdict on its task
// is an answer.
func reasonOf(end callEnd) string {
	switch f := failureOf(end.err); {
	case end.err == nil, f != nil && f.Verdict > task.Account:
		return ""
	case f != nil:
		return f.Reason
	}
	return end.label
}

package syncer

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// traced has the syncer of a bundle leave traces in what it returns.
func traced(t *testing.T) (*tracetest.SpanRecorder, func(*Config)) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans))
	return spans, func(c *Config) { c.Tracer = provider.Tracer("tasksync") }
}

// spansOf returns the ended spans with a name.
func spansOf(spans *tracetest.SpanRecorder, name string) (found []sdk.ReadOnlySpan) {
	for _, s := range spans.Ended() {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	return found
}

func attrOf(s sdk.ReadOnlySpan, key string) string {
	for _, a := range s.Attributes() {
		if a.Key == attribute.Key(key) {
			return a.Value.String()
		}
	}
	return ""
}

// TestTraceOfAPass: a pass is one trace, from the reading of its rows to what became of
// them.
func TestTraceOfAPass(t *testing.T) {
	t.Parallel()
	spans, on := traced(t)
	b := setup(t, on)
	good, taskID := b.submit(task.Generate, simulator.Ready)
	b.sync(good)
	pass := spansOf(spans, "pass")
	require.Len(t, pass, 1)
	require.Equal(t, good, attrOf(pass[0], "tasksync.generation_id"))
	require.Equal(t, "poll", attrOf(pass[0], "tasksync.via"))
	for _, s := range spans.Ended() {
		require.Equal(t, pass[0].SpanContext().TraceID(), s.SpanContext().TraceID())
		if s != pass[0] {
			require.Equal(t, pass[0].SpanContext().SpanID(), s.Parent().SpanID(), s.Name())
		}
		require.False(t, s.StartTime().Before(pass[0].StartTime()), s.Name())
		for _, a := range s.Attributes() {
			require.NotContains(t, a.Value.String(), taskID)
		}
	}
	require.Len(t, spansOf(spans, "load"), 1)
	require.Len(t, spansOf(spans, "GET"), 1)
	require.Equal(t, "200", attrOf(spansOf(spans, "GET")[0], "http.response.status_code"))
	require.Len(t, spansOf(spans, "commit"), 1)
	row := spansOf(spans, "row")
	require.Len(t, row, 1)
	require.Equal(t, good, attrOf(row[0], "tasksync.generation_id"))
	require.Equal(t, "complete", attrOf(row[0], "tasksync.status"))
}

// TestNoTraceWithoutALook: a pass that asks for nothing leaves no trace.
func TestNoTraceWithoutALook(t *testing.T) {
	t.Parallel()
	spans, on := traced(t)
	b := setup(t, on)
	ended, _ := b.submit(task.Generate, simulator.Ready)
	b.exec(`UPDATE music_generations SET status = 'failed'`)
	later, _ := b.submit(task.Generate, simulator.Ready)
	_, err := b.syncer.Sync(t.Context(), Request{IDs: []string{ended, later}, NotBefore: map[string]time.Time{later: b.clock.now().Add(time.Minute)}})
	require.NoError(t, err)
	require.Empty(t, spans.Started())
}

// TestTraceOfTroubles: spans say what went wrong, in closed words.
func TestTraceOfTroubles(t *testing.T) {
	t.Parallel()
	spans, on := traced(t)
	b := setup(t, on)
	id, _ := b.submit(task.Generate, simulator.Ready, simulator.HTTP502)
	b.sync(id)
	require.Equal(t, "502", attrOf(spansOf(spans, "GET")[0], "http.response.status_code"))
	require.Equal(t, sdk.Status{Code: codes.Error, Description: "http_5xx"}, spansOf(spans, "GET")[0].Status())
	require.Empty(t, spansOf(spans, "row"))
	require.Equal(t, "fetch failed", spansOf(spans, "pass")[0].Events()[0].Name)
	require.Contains(t, spansOf(spans, "pass")[0].Events()[0].Attributes, attribute.String("tasksync.reason", "http_5xx"))

	b.exec(`ALTER TABLE music_generations ADD CONSTRAINT never CHECK (status <> 'complete')`)
	b.clock.advance(time.Minute)
	b.sync(id)
	commit := spansOf(spans, "commit")
	require.NotEmpty(t, commit)
	require.Equal(t, "SQLSTATE 23514", commit[len(commit)-1].Status().Description)
	row := spansOf(spans, "row")
	require.Len(t, row, 1)
	require.Equal(t, sdk.Status{Code: codes.Error, Description: ReasonClipsUpdateFailed}, row[0].Status())

	b.pool.Close()
	_, err := b.syncer.Sync(t.Context(), Request{IDs: []string{id}})
	require.Error(t, err)
	load := spansOf(spans, "load")
	require.Equal(t, codes.Error, load[len(load)-1].Status().Code)
}

// TestTracesCostNothingWhenOff: without a tracer, what a pass does for traces allocates
// nothing.
func TestTracesCostNothingWhenOff(t *testing.T) {
	ctx := context.Background()
	s := &Syncer{}
	due := []*member{{g: task.Generation{ID: "a"}}}
	members, results := map[string]*member{"a": due[0]}, map[string]Result{"a": {ID: "a", NewStatus: task.Complete}}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		ctx, pass := s.tracePass(ctx, ViaPoll, tracedLoad{time.Now(), time.Now()}, due)
		ctx, commit := childSpan(ctx, "commit")
		endSpan(commit, nil)
		traceFetch(ctx, "kie", context.DeadlineExceeded)
		traceRows(ctx, members, results)
		traceRow(ctx, due[0].g, results["a"])
		pass.End()
	}))
}

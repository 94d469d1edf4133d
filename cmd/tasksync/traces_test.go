package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"tasksync/internal/simulator"
)

// otlpCollector takes traces as a collector does.
type otlpCollector struct {
	*httptest.Server

	mu    sync.Mutex
	raw   bytes.Buffer
	spans []*trace.Span
	of    []string // the services
}

func newCollector(t *testing.T) *otlpCollector {
	t.Helper()
	c := &otlpCollector{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

func (c *otlpCollector) take(r *http.Request) error {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		zipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		body = zipped
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(data, &request); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(data)
	for _, resource := range request.ResourceSpans {
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				c.of = append(c.of, a.Value.GetStringValue())
			}
		}
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
	return nil
}

func (c *otlpCollector) taken() []*trace.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans
}

// attributeOf is an attribute of a span, as its text and as it was sent.
func attributeOf(span *trace.Span, key string) string {
	for _, a := range span.Attributes {
		if a.Key == key {
			return strings.Trim(a.Value.GetStringValue()+"|"+a.Value.String(), "|")
		}
	}
	return ""
}

// TestTraces: a daemon with the standard variables sends a trace of each pass that asks
// for rows, and the last ones before it ends. They hold no key, and no task's id, prompt
// or lyric.
func TestTraces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kie")
	c := newCollector(t)
	d := start(t, w.with("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "OTEL_EXPORTER_OTLP_COMPRESSION", "gzip",
		"OTEL_BSP_SCHEDULE_DELAY", "3600000", "OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"), "run")
	d.ready(t)
	tasks := w.add(t, 5, simulator.Ready, 0)
	w.complete(t, d, worldPatience, tasks...)
	require.Empty(t, c.taken(), "the batch is not due")
	require.Zero(t, d.stop(t))

	passes, calls, commits, rows := map[string]bool{}, 0, 0, map[string]bool{}
	spans := c.taken()
	for _, s := range spans {
		if s.Name == "pass" {
			passes[string(s.TraceId)] = true
			require.Empty(t, s.ParentSpanId)
		}
	}
	require.NotEmpty(t, passes)
	for _, s := range spans {
		require.True(t, passes[string(s.TraceId)], s.Name)
		switch s.Name {
		case "GET":
			calls++
			require.Equal(t, trace.Span_SPAN_KIND_CLIENT, s.Kind)
			require.Contains(t, attributeOf(s, "http.response.status_code"), "200")
			require.Contains(t, attributeOf(s, "tasksync.provider"), "kie")
		case "commit":
			commits++
		case "row":
			require.Contains(t, attributeOf(s, "tasksync.status"), "complete")
			id, _, _ := strings.Cut(attributeOf(s, "tasksync.generation_id"), "|")
			rows[id] = true
		}
	}
	require.GreaterOrEqual(t, calls, len(tasks), "kie is asked for one task at a time")
	require.Positive(t, commits)
	require.Len(t, rows, len(tasks))
	for id := range w.rows {
		require.True(t, rows[id])
	}
	require.Contains(t, c.of, "tasksync")
	secrets := append(simulator.Planted(), w.settings()["TASKSYNC_API_KEY"])
	for _, secret := range append(secrets, tasks...) {
		require.False(t, bytes.Contains(c.raw.Bytes(), []byte(secret)))
	}
}

// TestTracesNeverDisturb: a collector that hangs, one that is away and one that refuses cost
// a log line each, and keep no row and no stop.
func TestTracesNeverDisturb(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(release); hanging.Close() })
	refusing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refusing.Close)
	for name, test := range map[string]struct{ variable, value, line string }{
		"hangs":     {"OTEL_EXPORTER_OTLP_ENDPOINT", hanging.URL, "The last traces may not be delivered"},
		"away":      {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces", "connection refused"},
		"refuses":   {"OTEL_EXPORTER_OTLP_ENDPOINT", refusing.URL, "Traces are not delivered; spans are dropped, passes go on"},
		"gRPC":      {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "only http/protobuf and http/json are spoken"},
		"no scheme": {"OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "is no http or https address"},
		"console":   {"OTEL_TRACES_EXPORTER", "console", "OTEL_TRACES_EXPORTER is neither otlp nor none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "kie")
			settings := w.with("OTEL_TRACES_EXPORTER", "otlp", "OTEL_BSP_SCHEDULE_DELAY", "100")
			settings[test.variable] = test.value
			d := start(t, settings, "run")
			d.ready(t)
			w.complete(t, d, worldPatience, w.add(t, 3, simulator.Ready, 0)...)
			began := time.Now()
			require.Zero(t, d.stop(t))
			require.Less(t, time.Since(began), 20*time.Second)
			require.Contains(t, d.output(), test.line)
			require.LessOrEqual(t, strings.Count(d.output(), `"level":"WARN"`), 2, d.output())
			for line := range strings.Lines(d.output()) {
				require.True(t, strings.HasPrefix(line, `{"`), line)
			}
		})
	}
}

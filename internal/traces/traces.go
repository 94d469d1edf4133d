// Package traces sends the traces of passes to a collector: OpenTelemetry's OTLP over
// HTTP, as the standard variables of the environment say.
//
// Without one of these variables there are no traces, and nothing of OpenTelemetry's SDK
// runs. With one, spans wait in a bounded queue and are sent in batches. A collector that
// is slow or away costs spans, and a log line a minute, and never a pass.
package traces

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Config says where traces come from.
type Config struct {
	Getenv  func(string) string // of the environment; OpenTelemetry reads os.Getenv itself
	Version string              // of the program
	Logger  *slog.Logger
}

// Traces sends spans until it is closed. The zero value sends none.
type Traces struct {
	provider *sdk.TracerProvider
	logger   *slog.Logger
}

// Open returns what sends traces, if the environment asks for them. An environment that
// asks for what cannot be had gets a warning, and no traces: it may be meant for another
// program.
func Open(ctx context.Context, cfg Config) *Traces {
	t := &Traces{logger: cfg.Logger}
	wanted, wrong := asked(cfg.Getenv)
	if wrong != "" {
		cfg.Logger.WarnContext(ctx, "[TaskSync] There are no traces: a variable of OpenTelemetry has a value that cannot be used", "reason", wrong)
	}
	if !wanted {
		return t
	}
	failures := &teller{logger: cfg.Logger}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(failures.failed))
	otel.SetLogger(logr.FromSlogHandler(named{cfg.Logger.With("library", "opentelemetry").Handler()}))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		cfg.Logger.WarnContext(ctx, "[TaskSync] There are no traces: the exporter cannot be made; check the variables OTEL_EXPORTER_OTLP_…", "error", redacted(err))
		return t
	}
	t.provider = sdk.NewTracerProvider(sdk.WithBatcher(watched{exporter, failures}), sdk.WithResource(describe(ctx, cfg)))
	cfg.Logger.InfoContext(ctx, "[TaskSync] Sending traces by OTLP")
	return t
}

// Provider makes the tracers; nil: there are no traces.
func (t *Traces) Provider() trace.TracerProvider {
	if t.provider == nil {
		return nil
	}
	return t.provider
}

// Close sends what is left, as far as it can before ctx ends.
func (t *Traces) Close(ctx context.Context) {
	if t.provider == nil {
		return
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		t.logger.WarnContext(ctx, "[TaskSync] The last traces may not be delivered", "error", redacted(err))
	}
}

// describe is what the spans are of. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have
// the last word.
func describe(ctx context.Context, cfg Config) *resource.Resource {
	r, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(attribute.String("service.name", "tasksync"), attribute.String("service.version", cfg.Version)), resource.WithFromEnv())
	if err != nil { // r has what could be found out
		cfg.Logger.WarnContext(ctx, "[TaskSync] The traces do not tell all of their source; check OTEL_RESOURCE_ATTRIBUTES", "error", redacted(err))
	}
	return r
}

// endpoints are the variables that ask for traces by saying where they go.
var endpoints = []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"}

// asked reports whether the environment asks for traces. wrong tells what keeps them from
// being sent.
func asked(getenv func(string) string) (yes bool, wrong string) {
	exporter := strings.ToLower(strings.TrimSpace(getenv("OTEL_TRACES_EXPORTER")))
	for _, name := range endpoints {
		yes = yes || getenv(name) != ""
	}
	switch {
	case strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true"), exporter == "none", exporter == "" && !yes:
		return false, ""
	case exporter != "" && exporter != "otlp":
		return false, "OTEL_TRACES_EXPORTER is neither otlp nor none"
	}
	for _, name := range endpoints {
		if u, err := url.Parse(getenv(name)); getenv(name) != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			return false, name + " is no http or https address, like http://localhost:4318"
		}
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		switch protocol := getenv(name); protocol {
		case "":
			continue
		case "http/protobuf", "http/json":
			return true, ""
		default:
			return false, fmt.Sprintf("%s is %.40q, and only http/protobuf and http/json are spoken; set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf, and the collector's port for HTTP, most often 4318", name, protocol)
		}
	}
	return true, ""
}

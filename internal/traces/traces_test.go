package traces

import (
	"bytes"
	"log/slog"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// OpenTelemetry quotes what it does not understand: headers in another form than name=value
// hold a key all the same.
func TestKeysInMalformedHeadersAreNotLogged(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key: the-key-of-the-collector,authorization=the-other-key%zz")
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	Open(t.Context(), Config{Getenv: os.Getenv, Version: "test", Logger: logger}).Close(t.Context())
	require.Contains(t, log.String(), "parse headers", "it is told, so that somebody corrects it")
	require.NotContains(t, log.String(), "the-key-of-the-collector")
	require.NotContains(t, log.String(), "the-other-key")
}

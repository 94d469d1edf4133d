package daemon

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStandardLogQuotesNothing(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`Unsolicited response received on idle HTTP channel starting with "{\"prompt\":\"walking home"; err=<nil>`: `line="Unsolicited response received on idle HTTP channel starting with (what it quotes is not shown)"`,
		"http: proxy error: context canceled":                                           `line="http: proxy error: context canceled"`,
		"http: panic serving 10.0.0.1:80: no\ngoroutine 7 [running]:\nwalking":          `line="http: panic serving 10.0.0.1:80: no"`,
		"get https://user:walking@h.example/?key=walking: " + strings.Repeat("x", 1000): `line="get https://h.example/: xx`,
	} {
		var log bytes.Buffer
		n, err := fmt.Fprintln(StandardLog(slog.New(slog.NewTextHandler(&log, nil))), line)
		require.NoError(t, err)
		require.Equal(t, len(line)+1, n)
		require.Contains(t, log.String(), `level=WARN msg="[TaskSync] A library wrote to the standard log" `+want)
		require.NotContains(t, log.String(), "walking")
		require.Less(t, log.Len(), 400)
	}
}

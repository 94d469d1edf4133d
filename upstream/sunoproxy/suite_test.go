package sunoproxy

import (
	"cmp"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/upstream"
	"tasksync/upstream/upstreamtest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	limited := func(t testing.TB, baseURL, key string, requests int, window time.Duration) upstream.Adapter {
		a, err := New(upstream.Config{BaseURL: baseURL, APIKey: key, Requests: requests, Window: window, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(a.CloseIdle)
		return a
	}
	for dialect, unbatched := range map[string]bool{"": false, "integer": false, "reseller": false, "single": true, "data-only": true} {
		t.Run(cmp.Or(dialect, "usual"), func(t *testing.T) {
			t.Parallel()
			upstreamtest.Run(t, upstreamtest.Subject{
				Provider: Name, Dialect: dialect, Unbatched: unbatched,
				New: func(t testing.TB, baseURL, key string) upstream.Adapter {
					return limited(t, baseURL, key, -1, 0)
				},
				Limited: limited,
			})
		})
	}
}

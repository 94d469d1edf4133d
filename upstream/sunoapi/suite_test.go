package sunoapi

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/upstream"
	"tasksync/upstream/upstreamtest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		profile profile
		dialect string
		calls   int // of the first look
		places  int
	}{
		"sunoapi":            {sunoAPI(), "", 1, 1},
		"kie":                {kie(), "", 1, 2},
		"kie's old endpoint": {kie(), "old", 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limited := func(t testing.TB, baseURL, key string, requests int, window time.Duration) upstream.Adapter {
				a, err := open(tc.profile, upstream.Config{BaseURL: baseURL, APIKey: key, Requests: requests, Window: window, Logger: slog.New(slog.DiscardHandler)})
				require.NoError(t, err)
				t.Cleanup(a.CloseIdle)
				return a
			}
			upstreamtest.Run(t, upstreamtest.Subject{
				Provider: tc.profile.Name, Dialect: tc.dialect, FirstLook: tc.calls, Places: tc.places,
				New: func(t testing.TB, baseURL, key string) upstream.Adapter {
					return limited(t, baseURL, key, -1, 0)
				},
				Limited: limited,
			})
		})
	}
}

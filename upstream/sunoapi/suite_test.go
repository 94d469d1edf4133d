package sunoapi

import (
	"testing"

	"tasksync/upstream"
	"tasksync/upstream/upstreamtest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		provider upstream.Provider
		dialect  string
		calls    int // of the first look
		places   int
	}{
		"sunoapi":            {SunoAPI(), "", 1, 1},
		"kie":                {Kie(), "", 1, 2},
		"kie's old endpoint": {Kie(), "old", 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstreamtest.Run(t, upstreamtest.Subject{
				Upstream: tc.provider, Dialect: tc.dialect, FirstLook: tc.calls, Places: tc.places,
			})
		})
	}
}

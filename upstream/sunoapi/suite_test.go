package sunoapi

import (
	"testing"

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
			upstreamtest.Run(t, upstreamtest.Subject{
				Provider: tc.profile.Name, Upstream: tc.profile.provider(), Dialect: tc.dialect, FirstLook: tc.calls, Places: tc.places,
			})
		})
	}
}

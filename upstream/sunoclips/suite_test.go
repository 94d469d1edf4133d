package sunoclips

import (
	"testing"

	"tasksync/upstream/upstreamtest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"", "wrapped", "sentinel"} {
		t.Run("dialect "+dialect, func(t *testing.T) {
			t.Parallel()
			upstreamtest.Run(t, upstreamtest.Subject{Upstream: Provider(), Dialect: dialect})
		})
	}
}

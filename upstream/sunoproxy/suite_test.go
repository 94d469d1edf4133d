package sunoproxy

import (
	"cmp"
	"testing"

	"tasksync/upstream/upstreamtest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	for dialect, unbatched := range map[string]bool{"": false, "integer": false, "reseller": false, "single": true, "data-only": true} {
		t.Run(cmp.Or(dialect, "usual"), func(t *testing.T) {
			t.Parallel()
			upstreamtest.Run(t, upstreamtest.Subject{Upstream: Provider(), Dialect: dialect, Unbatched: unbatched})
		})
	}
}

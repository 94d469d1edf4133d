package acedata

import (
	"testing"

	"tasksync/upstream/upstreamtest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	upstreamtest.Run(t, upstreamtest.Subject{Upstream: Provider()})
}

package upstreamtest

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// UnknownStatuses returns how many answers with an unknown status reg has counted, for
// all providers.
func UnknownStatuses(t testing.TB, reg prometheus.Gatherer) (total float64) {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "tasksync_upstream_unknown_status_total" {
			for _, m := range family.GetMetric() {
				total += m.GetCounter().GetValue()
			}
		}
	}
	return total
}

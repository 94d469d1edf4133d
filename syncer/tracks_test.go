package syncer

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// histogram returns how many values a metric has, and their sum; via is its label, if
// it has one.
func histogram(t *testing.T, c prometheus.Collector, via Via) (count uint64, sum float64) {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, m := range families[0].GetMetric() {
		if labels := m.GetLabel(); len(labels) == 0 || labels[0].GetValue() == string(via) {
			count, sum = m.GetHistogram().GetSampleCount(), m.GetHistogram().GetSampleSum()
		}
	}
	return count, sum
}

// The end of a row lies in the middle between the last look that found it under way
// and the one that found the end; a callback's look begins with the end.
func TestEndsAreMeasured(t *testing.T) {
	t.Parallel()
	status := task.Processing
	up := &still{reply: func(task.Ref) (task.Observation, bool) {
		return task.Observation{Status: status, Items: []task.Item{
			{ID: "aaaaaaaa-0000-4000-8000-000000000001", Status: status, AudioURL: "https://cdn.example/a.mp3"},
			{ID: "aaaaaaaa-0000-4000-8000-000000000002", Status: status, AudioURL: "https://cdn.example/b.mp3"},
		}}, true
	}}
	b := setup(t, upstreamIs(up))
	row := func(via Via, age time.Duration, looks int) {
		t.Helper()
		status = task.Processing
		id := b.insert(task.Generate, newUUID(), age)
		for range looks {
			b.sync(id)
			b.clock.advance(10 * time.Second)
		}
		status = task.Complete
		_, err := b.syncer.Sync(t.Context(), Request{IDs: []string{id}, Via: via})
		require.NoError(t, err)
		require.Equal(t, "complete", b.row(id).Status)
	}
	delay := func(via Via) (uint64, float64) {
		t.Helper()
		return histogram(t, b.syncer.metrics.delay, via)
	}

	row(ViaPoll, 0, 3)
	n, sum := delay(ViaPoll)
	require.EqualValues(t, 1, n)
	require.InDelta(t, 5, sum, 0.1, "half of ten seconds")
	row(ViaWebhook, 0, 1)
	n, sum = delay(ViaWebhook)
	require.EqualValues(t, 1, n)
	require.InDelta(t, 0, sum, 0.1)
	n, sum = histogram(t, b.syncer.metrics.looks, "")
	require.EqualValues(t, 2, n)
	require.InDelta(t, 4+2, sum, 0)

	row(ViaPoll, time.Hour, 0)
	n, _ = histogram(t, b.syncer.metrics.looks, "")
	require.EqualValues(t, 2, n, "an overdue row is left out")
}

package sunoproxy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/upstreamtest"
)

// TestSampleBodies holds the adapter to its reading of the sample bodies, as
// answers to the single call. The batch call must give the same, except for a body
// that names no task.
func TestSampleBodies(t *testing.T) {
	t.Parallel()
	ids := map[string]string{
		"sunoproxy-music-not_start":   "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa01",
		"sunoproxy-music-in_progress": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa01",
		"sunoproxy-music-success":     "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa02",
		"sunoproxy-music-integer":     "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa03",
		"sunoproxy-music-reseller":    "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa04",
	}
	upstreamtest.Golden(t, "testdata", func(t *testing.T, name string, body []byte) upstreamtest.Reading {
		b := setup(t, nil)
		ans := upstream.Answer{Status: 200, Body: body}
		if name == "sunoproxy-any-task_not_exist" {
			ans.Status = 400
		}
		ref := task.Ref{TaskID: ids[name], Type: task.Generate}
		obs, f := b.adapter.readOne(ref, ans)
		observations, batchFailure := b.adapter.readMany([]task.Ref{ref, {TaskID: "other", Type: task.Generate}}, ans)
		if ref.TaskID != "" {
			require.Nil(t, batchFailure)
			require.Equal(t, []*task.Observation{&obs, nil}, observations)
		} else {
			require.NotNil(t, batchFailure)
		}
		return upstreamtest.NewReading(0, f, obs)
	})
}

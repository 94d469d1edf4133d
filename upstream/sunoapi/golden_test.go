package sunoapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/upstreamtest"
)

// TestSampleBodies holds the adapter to its reading of the sample bodies.
func TestSampleBodies(t *testing.T) {
	t.Parallel()
	upstreamtest.Golden(t, "testdata", func(t *testing.T, name string, body []byte) upstreamtest.Reading {
		dialect, rest, _ := strings.Cut(name, "-")
		profile, ok := map[string]profile{"sunoapi": sunoAPI(), "kie": kie()}[dialect]
		require.True(t, ok)
		taskType, _, _ := strings.Cut(rest, "-")
		b := setup(t, profile, nil)
		ref := task.Ref{TaskID: "5c79aaaa0000bbbb1111cccc2222be8e", Type: task.Type(taskType)}
		obs, code, f := b.adapter.read(ref, upstream.Answer{Status: 200, Body: body})
		return upstreamtest.NewReading(code, f, obs)
	})
}

package jobs

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/syncer"
	"tasksync/task"
)

func TestHandOnFormsCohorts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var given, want []string
	types := map[string]string{}
	add := func(kind task.Type, n int) {
		for range n {
			id := b.insert(kind, "t"+strconv.Itoa(len(given)), 0)
			given, want = append(given, id), append(want, id)
			types[id] = string(kind)
		}
	}
	add(task.Generate, 25)
	add(task.Lyrics, 3)
	add(task.Extend, 10)
	ended := b.insert(task.Generate, "t", 0)
	b.exec(`UPDATE music_generations SET status = 'complete' WHERE id = $1`, ended)
	given = append(given, ended, b.insert("", "t", 0), b.insert("remix", "t", 0),
		"", "x", `{"id":1}`, "'; DROP TABLE music_generations", "00000000-0000-0000-0000-000000000000",
		want[0], want[0], strings.ToUpper(want[1]))
	require.NoError(t, b.client.HandOn(t.Context(), given))

	sizes := map[string][]int{}
	var got []string
	for _, job := range b.jobs() {
		require.Equal(t, "available", job.State)
		sizes[job.TaskType] = append(sizes[job.TaskType], len(job.IDs))
		for _, id := range job.IDs {
			require.Equal(t, types[id], job.TaskType)
			got = append(got, id)
		}
	}
	require.Equal(t, map[string][]int{"generate": {10, 10, 5}, "lyrics": {3}, "extend": {10}}, sizes)
	slices.Sort(got)
	slices.Sort(want)
	require.Equal(t, want, got, "each once")
}

// Of rows with one task the youngest is due at once, and the others share a job that waits.
func TestHandOnOfTwins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var given []string
	for n := range 30 {
		given = append(given, b.insert(task.Generate, "t", time.Duration(1+n%7)*time.Minute))
	}
	youngest := b.insert(task.Generate, "t", 0)
	require.NoError(t, b.client.HandOn(t.Context(), append(given, youngest, b.insert(task.Generate, "", 0), b.insert(task.Generate, "", 0))))
	sizes := map[string]int{}
	for _, job := range b.jobs() {
		sizes[job.State] += len(job.IDs)
		require.Equal(t, job.State == "available", slices.Contains(job.IDs, youngest), job.State)
	}
	require.Equal(t, map[string]int{"available": 3, "scheduled": 30}, sizes)
}

func TestHandOnOfNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.client.HandOn(t.Context(), nil))
	require.NoError(t, b.client.HandOn(t.Context(), []string{"x", b.insert("", "t", 0)}))
	require.Empty(t, b.jobs())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.client.HandOn(ctx, []string{b.insert(task.Lyrics, "t", 0)}), context.Canceled)
}

// Both HandOn and a pass meet rows of an unknown type: one line of the log is enough.
func TestAnUnknownTypeIsLoggedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := []string{b.insert("remix", "t", 0), b.insert("remix", "t", 0)}
	for range 2 {
		require.NoError(t, b.client.HandOn(t.Context(), ids))
		_, err := b.syncer.Sync(t.Context(), syncer.Request{IDs: ids})
		require.NoError(t, err)
	}
	require.Equal(t, 1, strings.Count(b.log.String(), "Unknown task type"))
}

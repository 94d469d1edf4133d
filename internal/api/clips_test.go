package api

import (
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/syncer"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

// TestClipsThatComeBeforeAStatus: a title or a preview is an event of its own, though the
// status of the row stays.
func TestClipsThatComeBeforeAStatus(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	sim := simulator.New(simulator.Config{Seed: 4711, Now: func() time.Time { return time.Unix(0, clock.Load()) }})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	adapter, err := sunoapi.SunoAPI().New(upstream.Config{BaseURL: server.URL, APIKey: "key", Requests: -1})
	require.NoError(t, err)
	b := setup(t, func(c *Config) {
		c.Spacing = time.Nanosecond
		c.Syncer = syncer.New(syncer.Config{Pool: c.Pool, Upstreams: map[string]syncer.Upstream{"": adapter}, Policy: task.DefaultPolicy(), Logger: c.Logger})
	})
	s := b.openStream(b.url, alice)
	id := b.insert(alice, task.Generate, sim.Submit(task.Generate, simulator.Success))
	for range 200 { // 10 minutes: the task has ended long before
		b.post(alice, "")
		clock.Add(int64(3 * time.Second))
		b.announcer.Announce()
	}
	require.Equal(t, "complete", b.status(id))
	from, alone := "submitted", 0
	for from != "complete" {
		c := s.next("status").change(t)
		require.Equal(t, from, c.FromStatus, "each follows the one before")
		if c.FromStatus == c.ToStatus {
			alone++
			require.NotEmpty(t, c.Generation.Clips)
		}
		from = c.ToStatus
	}
	require.Positive(t, alone)
	require.Empty(t, s.events, "nothing comes after the end")
}

package upstream_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/acedata"
	"tasksync/upstream/sunoapi"
	"tasksync/upstream/sunoclips"
	"tasksync/upstream/sunoproxy"
)

// TestBaseURLAsUsersPasteIt asks every provider with a base URL that ends in a path
// which the calls add themselves.
func TestBaseURLAsUsersPasteIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		provider upstream.Provider
		pasted   []string
	}{
		{sunoapi.SunoAPI(), []string{"", "/", "/api/v1", "/api/v1/", "/api/v1/generate", "/api/v1/generate/record-info"}},
		{sunoapi.Kie(), []string{"", "/api/v1/", "/api/v1/jobs", "/api/v1/jobs/recordInfo"}},
		{sunoproxy.Provider(), []string{"", "/suno", "/suno/", "/suno/fetch", "/suno/submit"}},
		{acedata.Provider(), []string{"", "/suno", "/suno/tasks/", "/suno/audios"}},
		{sunoclips.Provider(), []string{"", "/", "/clips", "/clips/"}},
	} {
		t.Run(tc.provider.Name, func(t *testing.T) {
			t.Parallel()
			sim := simulator.New(simulator.Config{Provider: tc.provider.Name, Seed: 1, APIKey: "key-0123456789"})
			t.Cleanup(sim.Close)
			server := httptest.NewServer(sim)
			t.Cleanup(server.Close)
			for _, path := range tc.pasted {
				adapter, err := tc.provider.New(upstream.Config{BaseURL: server.URL + path, APIKey: "key-0123456789", Requests: -1, Logger: slog.New(slog.DiscardHandler)})
				require.NoError(t, err, path)
				id := sim.Submit(task.Generate, simulator.Ready)
				seen, err := adapter.Fetch(t.Context(), []task.Ref{{TaskID: id, Type: task.Generate}})
				require.NoError(t, err, path)
				require.Len(t, seen, 1, path)
				require.Nil(t, seen[0].Failure, path)
				require.NotEmpty(t, seen[0].Items, path)
			}
		})
	}
}

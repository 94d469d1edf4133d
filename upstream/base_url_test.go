package upstream_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/acedata"
	"tasksync/upstream/simulator"
	"tasksync/upstream/sunoapi"
	"tasksync/upstream/sunoclips"
	"tasksync/upstream/sunoproxy"
)

// TestBaseURLAsPeoplePasteIt has every provider asked under a base URL that ends
// in what the calls add themselves.
func TestBaseURLAsPeoplePasteIt(t *testing.T) {
	t.Parallel()
	for provider, tc := range map[string]struct {
		open   func(upstream.Config) (upstream.Adapter, error)
		pasted []string
	}{
		"sunoapi": {
			func(c upstream.Config) (upstream.Adapter, error) { return sunoapi.New(sunoapi.SunoAPI(), c) },
			[]string{"", "/", "/api/v1", "/api/v1/", "/api/v1/generate", "/api/v1/generate/record-info"},
		},
		"kie": {
			func(c upstream.Config) (upstream.Adapter, error) { return sunoapi.New(sunoapi.Kie(), c) },
			[]string{"", "/api/v1/", "/api/v1/jobs", "/api/v1/jobs/recordInfo"},
		},
		"sunoproxy": {
			func(c upstream.Config) (upstream.Adapter, error) { return sunoproxy.New(c) },
			[]string{"", "/suno", "/suno/", "/suno/fetch", "/suno/submit"},
		},
		"acedata": {
			func(c upstream.Config) (upstream.Adapter, error) { return acedata.New(c) },
			[]string{"", "/suno", "/suno/tasks/", "/suno/audios"},
		},
		"sunoclips": {
			func(c upstream.Config) (upstream.Adapter, error) { return sunoclips.New(c) },
			[]string{"", "/", "/clips", "/clips/"},
		},
	} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			sim := simulator.New(simulator.Config{Provider: provider, Seed: 1, APIKey: "key-0123456789"})
			t.Cleanup(sim.Close)
			server := httptest.NewServer(sim)
			t.Cleanup(server.Close)
			for _, path := range tc.pasted {
				adapter, err := tc.open(upstream.Config{BaseURL: server.URL + path, APIKey: "key-0123456789", Requests: -1, Logger: slog.New(slog.DiscardHandler)})
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

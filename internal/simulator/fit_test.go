package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func TestProvidersAndDialects(t *testing.T) {
	t.Parallel()
	for _, provider := range Providers() {
		for _, dialect := range append(Dialects(provider), "") {
			s := New(Config{Provider: provider, Dialect: dialect, Seed: 1})
			for _, taskType := range taskTypes {
				for _, fate := range Fates() {
					r, ok := s.Task(s.Submit(taskType, fate))
					require.True(t, ok)
					for _, c := range r.Expected.Clips {
						require.NotEmpty(t, c.ClipID)
						require.Equal(t, c.Derive, taskType != task.Lyrics && c.AudioURL == "")
					}
				}
			}
		}
	}
	require.PanicsWithValue(t, `simulator: unknown provider "x"`, func() { New(Config{Provider: "x"}) })
	require.PanicsWithValue(t, `simulator: unknown dialect "x" of kie`, func() { New(Config{Provider: "kie", Dialect: "x"}) })
}

func TestAllowSettlesFleetingStreams(t *testing.T) {
	t.Parallel()
	want := Clip{ClipID: "a", StreamAudioURL: "s", Fleeting: true}
	require.Equal(t, Clip{ClipID: "a", StreamAudioURL: "s"}, want.Allow(Clip{StreamAudioURL: "other"}))
	require.Equal(t, Clip{ClipID: "a"}, want.Allow(Clip{}))
	want.Fleeting = false
	require.Equal(t, want, want.Allow(Clip{}))
}

// TestFaultsOfBatches: a fault that is scripted for one task is the fault of the whole
// request; the other tasks are as before in the next request.
func TestFaultsOfBatches(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "sunoproxy"})
	ids := []string{b.Submit(task.Generate, Ready), b.Submit(task.Generate, Ready, NoFault, HTTP503), b.Submit(task.Generate, Ready)}
	body, err := json.Marshal(map[string]any{"ids": append(ids, ids[0], "nobody"), "action": "MUSIC"})
	require.NoError(t, err)
	for _, want := range []int{200, 503, 200} {
		res, text := b.do(t, http.MethodPost, "/suno/fetch", string(body))
		require.Equal(t, want, res.StatusCode)
		var got struct{ Data []json.RawMessage }
		if want == 200 {
			require.NoError(t, json.Unmarshal([]byte(text), &got))
			require.Len(t, got.Data, 3, "once each, and only those that are known")
		}
	}
	for i, id := range ids {
		r, _ := b.Task(id)
		require.Equal(t, 3, r.Asked)
		require.Len(t, r.Faults, i%2)
	}

	// A request has one draw, however many tasks it asks for.
	b = setup(t, Config{Provider: "sunoproxy", FaultRate: 0.1, FaultMix: FaultMix{HTTP500: 1}})
	ids = nil
	for range 50 {
		ids = append(ids, b.Submit(task.Generate, Stuck))
	}
	body, err = json.Marshal(map[string]any{"ids": ids})
	require.NoError(t, err)
	for range 200 {
		b.do(t, http.MethodPost, "/suno/fetch", string(body))
	}
	require.InDelta(t, 20, b.Requests().Code(500), 15, fmt.Sprint(b.Requests()))
}

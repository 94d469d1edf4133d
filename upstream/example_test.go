package upstream_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"tasksync/task"
	"tasksync/upstream"
)

// mixer asks a provider that has one call: GET /mixes/ID.
type mixer struct {
	*upstream.Client
	limits upstream.Limits
}

func (m mixer) Limits() upstream.Limits { return m.limits }

func (m mixer) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	return upstream.Round{Provider: "mixer", FanOut: 4, One: m.ask}.Fetch(ctx, refs)
}

func (m mixer) ask(ctx context.Context, ref task.Ref) (seen *task.Observation, err error) {
	err = m.Get(ctx, "/mixes/"+url.PathEscape(ref.TaskID), nil, func(answer upstream.Answer) (code int, f *task.Failure) {
		fields := answer.Value().Fields()
		if seen = (&task.Observation{Raw: fields.Text("state"), Status: task.Processing}); seen.Raw == "done" {
			seen.Status, seen.Items = task.Complete, m.Items(upstream.Items{}.Parse(fields.Get("tracks"), ref.Type))
		}
		return 0, nil
	})
	return seen, err
}

// A provider of a program's own: its adapter stands on a Client, which keeps to the
// limits, and on a Round, which makes the calls.
func ExampleProvider() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"state": "done", "tracks": [{"id": "a", "audio_url": "https://audio.example/a.mp3"}]}`)
	}))
	defer server.Close()

	provider := upstream.Provider{Name: "mixer", Limits: upstream.Limits{Batch: 1, Requests: 10, Window: time.Second}}
	provider.New = func(cfg upstream.Config) (upstream.Adapter, error) {
		client, limits, err := provider.Open(cfg)
		return mixer{client, limits}, err
	}

	adapter, err := provider.New(upstream.Config{BaseURL: server.URL, APIKey: "key"})
	if err != nil {
		panic(err)
	}
	seen, err := adapter.Fetch(context.Background(), []task.Ref{{TaskID: "t", Type: task.Merge}})
	if err != nil {
		panic(err)
	}
	fmt.Println(seen[0].TaskID, seen[0].Status, seen[0].Items[0].AudioURL)
	// Output: t complete https://audio.example/a.mp3
}

// A round takes each task once, and asks for many by one call where the provider
// has such a call.
func ExampleRound() {
	round := upstream.Round{
		Provider: "mixer", Batch: 50,
		Many: func(_ context.Context, _ string, refs []task.Ref) ([]*task.Observation, error) {
			fmt.Println("one call for", len(refs))
			seen := make([]*task.Observation, len(refs)) // nil: not reported
			seen[0] = &task.Observation{Status: task.Streaming}
			return seen, nil
		},
	}
	seen, err := round.Fetch(context.Background(), []task.Ref{{TaskID: "a"}, {TaskID: "b"}, {TaskID: "a"}})
	fmt.Println(len(seen), seen[0].TaskID, seen[0].Status, err)
	// Output:
	// one call for 2
	// 1 a streaming <nil>
}

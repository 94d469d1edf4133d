package upstreamtest_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/upstreamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFormat runs the suite on an adapter with a batch call, whose wire format is
// given.
func TestFormat(t *testing.T) {
	t.Parallel()
	upstreamtest.Run(t, upstreamtest.Subject{
		Upstream: provider(),
		Types:    []task.Type{task.Generate, task.Replace},
		Format: &upstreamtest.Format{
			One:   "GET /tasks/{id}",
			Many:  "GET /tasks",
			IDs:   func(r *http.Request) []string { return strings.Split(r.URL.Query().Get("ids"), ",") },
			Task:  told,
			Tasks: func(tasks []json.RawMessage) any { return map[string]any{"tasks": tasks} },
			Error: func(status int, text string) (int, any) { return status, map[string]any{"error": text} },
			Tells: func(i upstreamtest.Item) upstreamtest.Item {
				i.SourceAudioURL, i.SourceStreamAudioURL, i.SourceImageURL = "", "", ""
				return i
			},
			ItemsAtEnd: true,
		},
	})
}

func told(is upstreamtest.Task) any {
	var items []any
	for _, i := range is.Items {
		items = append(items, map[string]any{
			"id": i.ID, "title": i.Title, "audio_url": i.AudioURL, "stream_audio_url": i.StreamAudioURL, "video_url": i.VideoURL,
			"image_url": i.ImageURL, "lyrics": i.Lyrics, "tags": i.Tags, "model_name": i.ModelName, "duration": i.Duration,
		})
	}
	return map[string]any{"id": is.ID, "state": cmp.Or(is.Status, "mastering"), "error": is.Error, "items": items}
}

// provider has a call for one task and one for several.
func provider() upstream.Provider {
	p := upstream.Provider{Name: "made-up", Limits: upstream.Limits{Batch: 20}}
	p.New = func(cfg upstream.Config) (upstream.Adapter, error) {
		client, limits, err := p.Open(cfg)
		return adapter{client, limits, &upstream.Suspects{}}, err
	}
	return p
}

type adapter struct {
	*upstream.Client
	limits   upstream.Limits
	suspects *upstream.Suspects
}

// Limits implements upstream.Adapter.
func (a adapter) Limits() upstream.Limits { return a.limits }

// Fetch implements upstream.Adapter.
func (a adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	return upstream.Round{Provider: "made-up", FanOut: 4, Batch: 20, One: a.one, Many: a.many, Suspects: a.suspects}.Fetch(ctx, refs)
}

func (a adapter) one(ctx context.Context, ref task.Ref) (seen *task.Observation, err error) {
	err = a.Get(ctx, "/tasks/"+url.PathEscape(ref.TaskID), nil, func(ans upstream.Answer) (int, *task.Failure) {
		f := ans.Value().Fields()
		if text := f.Text("error"); ans.Status == http.StatusNotFound && text != "" {
			return 0, upstream.Unknown(text)
		}
		seen = a.observation(f, ref)
		return 0, noRecord(seen != nil, ans)
	})
	return seen, err
}

func (a adapter) many(ctx context.Context, _ string, refs []task.Ref) (seen []*task.Observation, err error) {
	var ids []string
	for _, ref := range refs {
		ids = append(ids, ref.TaskID)
	}
	err = a.Get(ctx, "/tasks", url.Values{"ids": {strings.Join(ids, ",")}}, func(ans upstream.Answer) (int, *task.Failure) {
		tasks := ans.Value().Fields().Get("tasks")
		if !tasks.IsArray() {
			return 0, noRecord(false, ans)
		}
		seen = make([]*task.Observation, len(refs))
		for _, raw := range tasks.Elements(64) {
			f := raw.Fields()
			if i := slices.Index(ids, f.Text("id")); i >= 0 {
				seen[i] = a.observation(f, refs[i])
			}
		}
		return 0, nil
	})
	return seen, err
}

func noRecord(ok bool, ans upstream.Answer) *task.Failure {
	if ok {
		return nil
	}
	return upstream.BadBody(fmt.Sprintf("HTTP %d, there is no record in the answer", ans.Status))
}

// observation reads a task; nil: it is none.
func (a adapter) observation(f upstream.Fields, ref task.Ref) *task.Observation {
	obs := &task.Observation{Raw: a.StatusWord(f.Text("state")), Status: task.Processing, Items: a.Items(upstream.Items{}.Parse(f.Get("items"), ref.Type))}
	switch obs.Raw {
	case "":
		return nil
	case "complete":
		obs.Status = task.Complete
	case "failed":
		obs.Status, obs.Failure = task.Failed, cmp.Or(upstream.Refusal(f.Text("error")), upstream.Dead(f.Text("error")))
	}
	return obs
}

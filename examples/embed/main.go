// Command embed runs tasksync inside another program, which adds a task type and a
// provider. Rows of music_generations with task_type remix are finished like any
// others.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"time"

	"tasksync/daemon"
	"tasksync/task"
	"tasksync/upstream"
)

const remix task.Type = "remix"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := daemon.Run(ctx, daemon.Config{
		DatabaseURL: os.Getenv("DATABASE_URL"),
		Providers:   []daemon.Provider{{Provider: remixer(), APIURL: os.Getenv("REMIXER_URL"), APIKey: os.Getenv("REMIXER_KEY")}},
		Handlers:    handlers(),
		ListenAddr:  os.Getenv("LISTEN_ADDR"),
		Logger:      slog.Default(),
	})
	if err != nil {
		slog.Error("tasksync ended", "error", err)
		os.Exit(1)
	}
}

// handlers returns the handlers of the task types: tasksync's own, and remix.
func handlers() task.Handlers {
	all := task.DefaultHandlers()
	all[remix] = task.Handler{Clips: 2, Schedule: task.Schedule{{Every: time.Second}}}
	return all
}

// remixer returns the provider: GET /remixes/ID, ten calls a second at most.
func remixer() upstream.Provider {
	p := upstream.Provider{Name: "remixer", Limits: upstream.Limits{Batch: 1, Requests: 10, Window: time.Second}}
	p.New = func(cfg upstream.Config) (upstream.Adapter, error) {
		client, limits, err := p.Open(cfg)
		return adapter{client, limits}, err
	}
	return p
}

type adapter struct {
	*upstream.Client // for Paused
	limits           upstream.Limits
}

// Limits implements upstream.Adapter.
func (a adapter) Limits() upstream.Limits { return a.limits }

// Fetch implements upstream.Adapter, with up to four calls at once.
func (a adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	return upstream.Round{Provider: "remixer", FanOut: 4, One: a.ask}.Fetch(ctx, refs)
}

// ask makes one call. The client itself judges errors below HTTP, and statuses like
// 401, 429 and 503.
func (a adapter) ask(ctx context.Context, ref task.Ref) (seen *task.Observation, err error) {
	err = a.Get(ctx, "/remixes/"+url.PathEscape(ref.TaskID), nil, func(answer upstream.Answer) (code int, f *task.Failure) {
		said := answer.Value().Fields()
		seen = &task.Observation{Raw: a.StatusWord(said.Text("state")), Items: a.Items(upstream.Items{}.Parse(said.Get("tracks"), ref.Type))}
		switch {
		case answer.Status == http.StatusNotFound && said.Text("error") != "": // a gateway's 404 has no such error
			return 0, upstream.Unknown(said.Text("error"))
		case seen.Raw == "finished":
			seen.Status = task.Complete
		case seen.Raw == "broken":
			seen.Status, seen.Failure = task.Failed, cmp.Or(upstream.Refusal(said.Text("error")), upstream.Dead(said.Text("error")))
		case seen.Raw == "":
			return 0, upstream.BadBody(fmt.Sprintf("HTTP %d, there is no state in the answer", answer.Status))
		default:
			seen.Status = task.Processing
		}
		return 0, nil
	})
	return seen, err
}

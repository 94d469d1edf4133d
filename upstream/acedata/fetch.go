package acedata

import (
	"context"
	"slices"

	"tasksync/task"
	"tasksync/upstream"
)

const path = "/suno/tasks"

// Fetch is [upstream.Round.Fetch], with up to fifty tasks a call.
func (a *Adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	return upstream.Round{
		Provider: name, FanOut: a.fanOut, Batch: batch, Many: a.many, Suspects: &a.suspects,
	}.Fetch(ctx, refs)
}

// payload is the body of a call: for one task, or for many.
type payload struct {
	Action string   `json:"action"`
	ID     string   `json:"id,omitempty"`
	IDs    []string `json:"ids,omitempty"`
}

// payloadOf asks for each task once: two refs may name a task with different types.
func payloadOf(refs []task.Ref) payload {
	p := payload{Action: "retrieve_batch"}
	for _, ref := range refs {
		if !slices.Contains(p.IDs, ref.TaskID) {
			p.IDs = append(p.IDs, ref.TaskID)
		}
	}
	if len(p.IDs) == 1 {
		return payload{Action: "retrieve", ID: p.IDs[0]}
	}
	return p
}

func (a *Adapter) many(ctx context.Context, _ string, refs []task.Ref) (seen []*task.Observation, err error) {
	err = a.Post(ctx, path, payloadOf(refs), func(ans upstream.Answer) (code int, f *task.Failure) {
		seen, f = a.read(refs, ans)
		return 0, f
	})
	return seen, err
}

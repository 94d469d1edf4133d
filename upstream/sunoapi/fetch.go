package sunoapi

import (
	"context"

	"tasksync/task"
	"tasksync/upstream"
)

// Fetch asks for each ref, some of them at once, as [upstream.Round.Fetch] does.
// There is no batch call, so that every ref is asked for alone; a task of which a
// profile does not know in which model it was made costs a call more.
func (a *Adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	return upstream.Round{Provider: a.profile.Name, FanOut: a.fanOut, One: a.ask}.Fetch(ctx, refs)
}

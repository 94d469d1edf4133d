package live

import (
	"context"
	"slices"

	"tasksync/internal/view"
)

// show gives every event its generation, as it is now.
func (r *reading) show(ctx context.Context) error {
	views, err := r.views(ctx)
	if err != nil {
		return err
	}
	for user, events := range r.events {
		attach(events, user, views)
	}
	for s, batch := range r.joined {
		attach(batch.Events, s.user, views)
	}
	return nil
}

// views loads the generations of all events that were read.
func (r *reading) views(ctx context.Context) (map[string]*view.Generation, error) {
	views := make(map[string]*view.Generation)
	for ids := range slices.Chunk(r.generations(), r.limits.views) {
		generations, err := view.Load(ctx, r.db, ids)
		if err != nil {
			return nil, err
		}
		for i := range generations {
			views[generations[i].ID] = &generations[i]
		}
	}
	return views, nil
}

// generations are the ids of the generations that events tell of.
func (r *reading) generations() []string {
	var ids []string
	known := make(map[string]bool)
	add := func(events []Event) {
		for _, e := range events {
			if !known[e.GenerationID] {
				known[e.GenerationID] = true
				ids = append(ids, e.GenerationID)
			}
		}
	}
	for _, events := range r.events {
		add(events)
	}
	for _, batch := range r.joined {
		add(batch.Events)
	}
	return ids
}

// attach leaves out generations that have been given to another user since.
func attach(events []Event, user string, views map[string]*view.Generation) {
	for i := range events {
		g := views[events[i].GenerationID]
		if g != nil && g.UserID != nil && *g.UserID == user {
			events[i].Generation = g
		}
	}
}

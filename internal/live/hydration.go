package live

import (
	"context"
	"slices"

	"tasksync/internal/view"
)

// hydrate gives every event its generation as it is now, and resets subscriptions
// whose backlogs are too heavy.
func (r *reading) hydrate(ctx context.Context) error {
	h := r.hydration()
	if err := h.load(ctx); err != nil {
		return err
	}
	for user, events := range r.events {
		attach(events, user, h.views)
	}
	for s, batch := range r.first {
		if h.weights[s] > r.bounds.missedBytes {
			batch.Reset, batch.Events = true, nil
		}
		attach(batch.Events, s.user, h.views)
		batch.size = weigh(batch.Events)
		r.first[s] = batch
	}
	return nil
}

// hydration loads the generations of a reading's events.
type hydration struct {
	*reading

	ids      []string                    // of the generations to load, in that order
	resuming map[string][]*Subscription  // by generation: the resuming subscriptions with events of it
	joined   map[string]bool             // by generation: whether joined subscriptions have events of it
	views    map[string]*view.Generation // those that are loaded, by id
	weights  map[*Subscription]int       // bytes of the backlogs, as far as they are loaded
}

func (r *reading) hydration() *hydration {
	h := &hydration{
		reading: r, resuming: make(map[string][]*Subscription), joined: make(map[string]bool),
		views: make(map[string]*view.Generation), weights: make(map[*Subscription]int),
	}
	for _, events := range r.events {
		for _, e := range events {
			if !h.joined[e.GenerationID] {
				h.joined[e.GenerationID] = true
				h.ids = append(h.ids, e.GenerationID)
			}
		}
	}
	for s, batch := range r.first {
		h.weights[s] = len(batch.Events) * eventWeight
		h.addBacklog(s, batch.Events)
	}
	return h
}

// addBacklog notes the generations of a resuming subscription's events.
func (h *hydration) addBacklog(s *Subscription, events []Event) {
	known := make(map[string]bool)
	for _, e := range events {
		if known[e.GenerationID] {
			continue
		}
		known[e.GenerationID] = true
		if !h.joined[e.GenerationID] && h.resuming[e.GenerationID] == nil {
			h.ids = append(h.ids, e.GenerationID)
		}
		h.resuming[e.GenerationID] = append(h.resuming[e.GenerationID], s)
	}
}

// load loads the generations, a few at a time. It leaves out a generation if only
// backlogs that are too heavy already have events of it.
func (h *hydration) load(ctx context.Context) error {
	for ids := h.next(); len(ids) > 0; ids = h.next() {
		generations, err := view.Load(ctx, h.db, ids, h.show)
		if err != nil {
			return err
		}
		for i := range generations {
			g := &generations[i]
			h.views[g.ID] = g
			for _, s := range h.resuming[g.ID] {
				h.weights[s] += weighGeneration(g)
			}
		}
	}
	return nil
}

// next returns the ids of the generations to load next.
func (h *hydration) next() (ids []string) {
	for len(h.ids) > 0 && len(ids) < h.bounds.views {
		if h.wanted(h.ids[0]) {
			ids = append(ids, h.ids[0])
		}
		h.ids = h.ids[1:]
	}
	return ids
}

func (h *hydration) wanted(id string) bool {
	return h.joined[id] ||
		slices.ContainsFunc(h.resuming[id], func(s *Subscription) bool { return h.weights[s] <= h.bounds.missedBytes })
}

// attach gives events their generations, except those that belong to another user
// now.
func attach(events []Event, user string, views map[string]*view.Generation) {
	for i := range events {
		g := views[events[i].GenerationID]
		if g != nil && g.UserID != nil && *g.UserID == user {
			events[i].Generation = g
		}
	}
}

package live

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

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
		if slices.ContainsFunc(events, func(e Event) bool { return h.unread[e.GenerationID] }) {
			r.resets[user] = true
			delete(r.events, user)
		}
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
	unread   map[string]bool             // those that cannot be read
	weights  map[*Subscription]int       // bytes of the backlogs, as far as they are loaded
}

func (r *reading) hydration() *hydration {
	h := &hydration{
		reading: r, resuming: make(map[string][]*Subscription), joined: make(map[string]bool),
		views: make(map[string]*view.Generation), unread: make(map[string]bool), weights: make(map[*Subscription]int),
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
		generations, err := h.loadEach(ctx, ids)
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

// loadEach loads generations. If they are isolated, it halves those that cannot be read
// until the ones stand alone that are the cause.
func (h *hydration) loadEach(ctx context.Context, ids []string) ([]view.Generation, error) {
	generations, err := h.loadOnce(ctx, ids)
	switch {
	case err == nil, !h.isolate, h.conn.IsClosed(), ctx.Err() != nil:
		return generations, err
	case len(ids) == 1:
		h.unread[ids[0]], h.unreadable = true, err
		return nil, nil
	}
	first, err := h.loadEach(ctx, ids[:len(ids)/2])
	if err != nil {
		return nil, err
	}
	second, err := h.loadEach(ctx, ids[len(ids)/2:])
	return append(first, second...), err
}

// loadOnce loads generations and leaves a transaction usable if that fails.
func (h *hydration) loadOnce(ctx context.Context, ids []string) (generations []view.Generation, err error) {
	tx, ok := h.db.(pgx.Tx)
	if !ok || !h.isolate {
		return view.Load(ctx, h.db, ids, h.show)
	}
	err = guard(ctx, tx, func(savepoint pgx.Tx) error {
		generations, err = view.Load(ctx, savepoint, ids, h.show)
		return err
	})
	return generations, err
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

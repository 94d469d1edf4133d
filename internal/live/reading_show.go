package live

import (
	"context"

	"tasksync/internal/view"
)

// show gives every event its generation, as it is now. Who has missed more than is
// kept for one has to read anew.
func (r *reading) show(ctx context.Context) error {
	s := r.shown()
	if err := s.load(ctx); err != nil {
		return err
	}
	for user, events := range r.events {
		attach(events, user, s.views)
	}
	for sub, batch := range r.joined {
		if s.weights[sub] > r.limits.batch {
			batch.Reset, batch.Events = true, nil
		}
		attach(batch.Events, sub.user, s.views)
		batch.size = weigh(batch.Events)
		r.joined[sub] = batch
	}
	return nil
}

// showing are the generations that a reading needs.
type showing struct {
	*reading

	ids     []string                   // in the order of their loading
	missed  map[string][]*Subscription // by id: who resumes and is told of it
	follow  map[string]bool            // by id: somebody who follows is told of it
	views   map[string]*view.Generation
	weights map[*Subscription]int // what is loaded of those who resume
}

func (r *reading) shown() *showing {
	s := &showing{
		reading: r, missed: make(map[string][]*Subscription), follow: make(map[string]bool),
		views: make(map[string]*view.Generation), weights: make(map[*Subscription]int),
	}
	for _, events := range r.events {
		for _, e := range events {
			if !s.follow[e.GenerationID] {
				s.follow[e.GenerationID] = true
				s.ids = append(s.ids, e.GenerationID)
			}
		}
	}
	for sub, batch := range r.joined {
		s.weights[sub] = len(batch.Events) * eventWeight
		s.miss(sub, batch.Events)
	}
	return s
}

func (s *showing) miss(sub *Subscription, events []Event) {
	known := make(map[string]bool)
	for _, e := range events {
		if known[e.GenerationID] {
			continue
		}
		known[e.GenerationID] = true
		if !s.follow[e.GenerationID] && s.missed[e.GenerationID] == nil {
			s.ids = append(s.ids, e.GenerationID)
		}
		s.missed[e.GenerationID] = append(s.missed[e.GenerationID], sub)
	}
}

// load loads what is worth it, a few generations at a time: nothing more for those
// who have too much already.
func (s *showing) load(ctx context.Context) error {
	for ids := s.next(); len(ids) > 0; ids = s.next() {
		generations, err := view.Load(ctx, s.db, ids)
		if err != nil {
			return err
		}
		for i := range generations {
			g := &generations[i]
			s.views[g.ID] = g
			for _, sub := range s.missed[g.ID] {
				s.weights[sub] += weighGeneration(g)
			}
		}
	}
	return nil
}

func (s *showing) next() (ids []string) {
	for len(s.ids) > 0 && len(ids) < s.limits.views {
		if s.wanted(s.ids[0]) {
			ids = append(ids, s.ids[0])
		}
		s.ids = s.ids[1:]
	}
	return ids
}

func (s *showing) wanted(id string) bool {
	for _, sub := range s.missed[id] {
		if s.weights[sub] <= s.limits.batch {
			return true
		}
	}
	return s.follow[id]
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

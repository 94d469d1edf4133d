package planner

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tasksync/looks"
	"tasksync/task"
)

// Sketch is what was learnt of how long the tasks of a type take at a provider, and when
// a new row would be looked at.
type Sketch struct {
	Provider  string
	Type      task.Type
	Rows      float64         // that the model remembers; 0: the times are a guess
	Quantiles []time.Duration // by when 5, 10, … 95 % have ended, as far as that is before the deadline
	Looks     []time.Duration // as long as the row is under way, and shows nothing
}

// maxSketched bounds the looks of a sketch.
const maxSketched = 60

// Sketches returns a sketch of each provider and type that rows have ended of, the one
// with the most rows first.
func (p *Planner) Sketches() []Sketch {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Sketch
	told := map[string]bool{}
	for _, source := range p.cfg.Sources {
		if told[source.Name] {
			continue
		}
		told[source.Name] = true
		for t := range p.cfg.Handlers {
			if m := p.models[subject{source.Name, t}]; m != nil && m.Rows() > 0 {
				all = append(all, p.sketch(source, t, m))
			}
		}
	}
	slices.SortFunc(all, func(a, b Sketch) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Provider, b.Provider), strings.Compare(string(a.Type), string(b.Type)))
	})
	return all
}

// sketch draws a model. The caller holds the lock.
func (p *Planner) sketch(source Source, t task.Type, m *model) Sketch {
	s := Sketch{Provider: source.Name, Type: t, Rows: m.Rows()}
	plan := p.plan(m, looks.Track{}, source.Least, p.cfg.Pace.Price())
	for q := 1; q <= 19; q++ {
		at, ok := plan.Quantile(0, float64(q)/20)
		if !ok || at > p.cfg.Deadline {
			break
		}
		s.Quantiles = append(s.Quantiles, at)
	}
	for at := time.Duration(0); len(s.Looks) < maxSketched; {
		next := plan.Next(at)
		if next <= at || next > p.cfg.Deadline {
			break
		}
		s.Looks, at = append(s.Looks, next), next
	}
	return s
}

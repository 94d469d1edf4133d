package planner

import (
	"time"

	"tasksync/looks"
	"tasksync/task"
)

// Row is a row whose looks are planned.
type Row struct {
	Provider string // as its column has it
	Type     task.Type
	User     string      // whose row it is
	Track    looks.Track // of the looks before this one
	Age      time.Duration
	// Sharing is how many rows would be looked at together, this one included.
	Sharing int
}

// Every returns how long to wait until the next look at a row, after a look at its
// age that found it under way in this stage; 0 for a provider that is not configured,
// or a type without a handler.
func (p *Planner) Every(r Row, stage task.Stage) time.Duration {
	source, ok := p.source(r)
	if !ok {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked(r, source, false)
	m := p.model(subject{source.Name, r.Type})
	price := p.price(r, source)
	return p.plan(m, r.Track.Looked(r.Age, stage), source.Least, price/r.share(source)).Next(r.Age) - r.Age
}

// looked tells the market of a look, in parts of the call that it shares, and whether
// it found that the row had ended: at an unknown time since the last look. The caller
// holds the lock.
func (p *Planner) looked(r Row, source Source, ended bool) {
	now, market, call := p.cfg.Now(), p.market(source), 1/float64(r.share(source))
	last := time.Duration(r.Track.Last) * time.Millisecond
	alive, rest := r.Age, 0.0
	if ended {
		alive, rest = (last+r.Age)/2, 0.5
	}
	if last == 0 {
		market.Asked(now, r.User, call)
		return
	}
	m := p.model(subject{source.Name, r.Type})
	own := p.plan(m, r.Track, source.Least, p.cfg.Pace.Price()/r.share(source)).Looks(last, alive)
	market.Asked(now, r.User, call*(own+rest))
}

// price is what a call costs now. The caller holds the lock.
func (p *Planner) price(r Row, source Source) time.Duration {
	return p.market(source).Price(p.cfg.Now(), r.User, p.offer(source))
}

// offer is what the calls of a source cost where there are enough of them.
func (p *Planner) offer(s Source) looks.Offer {
	return looks.Offer{Own: p.cfg.Pace.Price(), Budget: s.budget()}
}

// share is how many looks share a request.
func (r Row) share(s Source) time.Duration {
	return time.Duration(min(max(1, r.Sharing), max(1, s.Batch)))
}

// market is the market of a source. The caller holds the lock.
func (p *Planner) market(s Source) *looks.Market {
	m := p.markets[s.Name]
	if m == nil {
		m = &looks.Market{}
		p.markets[s.Name] = m
	}
	return m
}

// Demand returns how many calls per second to a provider, by its own name, would be
// worth the pace's own price.
func (p *Planner) Demand(name string) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.markets[name]; m != nil {
		return m.Demand(p.cfg.Now())
	}
	return 0
}

// Value returns how much waiting, in seconds, a look at a row is expected to end.
func (p *Planner) Value(r Row) float64 {
	source, ok := p.source(r)
	if !ok {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	plan := p.plan(p.model(subject{source.Name, r.Type}), r.Track, source.Least, p.cfg.Pace.Price())
	return plan.Value(time.Duration(r.Track.Last)*time.Millisecond, r.Age).Seconds()
}

// Least returns the least time between two looks at one task of a provider.
func (p *Planner) Least(provider string) time.Duration { return p.cfg.Sources[provider].Least }

// Batched reports whether one request can carry looks at several rows of a provider.
func (p *Planner) Batched(provider string) bool { return p.cfg.Sources[provider].Batch > 1 }

func (p *Planner) source(r Row) (Source, bool) {
	source, ok := p.cfg.Sources[r.Provider]
	_, known := p.cfg.Handlers[r.Type]
	return source, ok && known
}

// Ended learns that a row has ended, found by a look at this age, and whether a
// hint made the look.
func (p *Planner) Ended(r Row, hinted bool) {
	source, ok := p.source(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !ok {
		return
	}
	if hinted {
		p.market(source).Asked(p.cfg.Now(), r.User, 1/float64(r.share(source)))
	} else {
		p.looked(r, source, true)
	}
	if len(p.ended) < maxEnded {
		p.ended = append(p.ended, ended{subject{source.Name, r.Type}, r.Track, r.Age, hinted})
	}
}

package live

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// plan is whom a step serves.
type plan struct {
	users   map[string]bool // those of the subscribers that have joined
	joining []*Subscription // those that have not, and can
}

// look is what a step has seen.
type look struct {
	now      cursor
	reset    bool                    // those that have joined must read anew
	away     bool                    // nothing was read
	overflow bool                    // there is too much for them to be served together
	events   map[string][]Event      // for them, by user
	joined   map[*Subscription]Batch // for those who joined by this step
}

// step looks once and delivers what it has seen. If it fails nothing has
// happened: the next one sees it.
func (b *Broker) step(ctx context.Context, l *listener) error {
	defer prometheus.NewTimer(b.metrics.steps).ObserveDuration()
	p := b.plan()
	if len(p.users)+len(p.joining) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.limits.step)
	defer cancel()
	seen, err := b.look(ctx, l, p)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) || !l.conn.IsClosed() {
			b.stuck++ // it may be what there is to read
		}
		return err
	}
	b.deliver(seen)
	b.stuck = 0
	if !seen.away {
		b.recovered()
	}
	return nil
}

func (b *Broker) recovered() {
	if b.failures > 0 {
		b.cfg.Logger.Info("[TaskSync] Live updates go on")
	}
	b.failures = 0
}

func (b *Broker) plan() plan {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := plan{users: make(map[string]bool, len(b.users)), joining: b.ready()}
	for user, subscriptions := range b.users {
		for s := range subscriptions {
			if s.joined {
				p.users[user] = true
				break
			}
		}
	}
	return p
}

// deliver brings all that the step has served to where it has looked.
func (b *Broker) deliver(seen look) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if seen.overflow {
		b.rejoin()
	}
	for user, subscriptions := range b.users {
		batch := Batch{Cursor: seen.now.text, Reset: seen.reset, Events: seen.events[user]}
		batch.size = weigh(batch.Events)
		news := batch.Reset || len(batch.Events) > 0
		for s := range subscriptions {
			if s.joined && (news || now.Sub(s.heard) >= b.limits.fresh) {
				b.send(s, batch, now)
			}
		}
	}
	for s, batch := range seen.joined {
		b.send(s, batch, now)
		s.joined = true
	}
	b.joining = slices.DeleteFunc(b.joining, func(s *Subscription) bool { return s.joined })
	b.at = seen.now
}

// rejoin has all that have joined resume from where they are, one by one and so
// with a limit for each. The caller holds mu.
func (b *Broker) rejoin() {
	for _, subscriptions := range b.users {
		for s := range subscriptions {
			if s.joined {
				s.joined, s.start, s.since = false, resuming, b.at
				b.joining = append(b.joining, s)
			}
		}
	}
}

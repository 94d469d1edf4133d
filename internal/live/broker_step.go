package live

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// plan says for which subscriptions a step reads.
type plan struct {
	users   map[string]bool // the users with joined subscriptions
	joining []*Subscription // the subscriptions that can join in this step
}

// result is what a step has read.
type result struct {
	now      cursor                  // the snapshot that was read with
	reset    bool                    // the joined subscriptions have to read everything anew
	unread   bool                    // only the snapshot was read
	overflow bool                    // there are too many events: the joined subscriptions resume one by one
	events   map[string][]Event      // for joined subscriptions, by user
	first    map[*Subscription]Batch // the first batches of the subscriptions that join
}

// step reads once and delivers the result. A step that fails changes nothing: the
// next step reads the same.
func (b *Broker) step(ctx context.Context, l *listener) error {
	defer prometheus.NewTimer(b.metrics.steps).ObserveDuration()
	p := b.plan()
	if len(p.users)+len(p.joining) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.bounds.step)
	defer cancel()
	res, err := b.read(ctx, l, p)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) || !l.conn.IsClosed() {
			b.stuck++ // the unread events may be the cause
		}
		return err
	}
	b.deliver(res)
	b.stuck = 0
	if !res.unread {
		b.recovered()
	}
	return nil
}

// recovered ends an interruption: a step has succeeded.
func (b *Broker) recovered() {
	if b.interrupted {
		b.cfg.Logger.Info("[TaskSync] Live updates go on")
	}
	b.interrupted = false
	b.backoff.Reset()
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

// deliver sends the batches of res. Then all joined subscriptions, the new ones
// included, have what res.now sees.
func (b *Broker) deliver(res result) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if res.overflow {
		b.rejoin()
	}
	for user, subscriptions := range b.users {
		batch := Batch{Cursor: res.now.text, Reset: res.reset, Events: res.events[user]}
		batch.size = weigh(batch.Events)
		news := batch.Reset || len(batch.Events) > 0
		for s := range subscriptions {
			if s.joined && (news || now.Sub(s.sent) >= b.bounds.refresh) {
				b.send(s, batch, now)
			}
		}
	}
	for s, batch := range res.first {
		b.send(s, batch, now)
		s.joined = true
	}
	b.joining = slices.DeleteFunc(b.joining, func(s *Subscription) bool { return s.joined })
	b.at = res.now
}

// rejoin has the joined subscriptions resume from the broker's cursor, so that the
// bounds apply to each of them. The caller holds mu.
func (b *Broker) rejoin() {
	for _, subscriptions := range b.users {
		for s := range subscriptions {
			if s.joined {
				s.joined, s.start, s.since = false, startAtCursor, b.at
				b.joining = append(b.joining, s)
			}
		}
	}
}

package live

import (
	"errors"
	"slices"
	"time"
)

// Subscription is one reader of a user's events.
type Subscription struct {
	broker  *Broker
	user    string
	batches chan Batch

	// Guarded by the broker's mu:
	start  start
	since  cursor // with resuming
	joined bool   // a step has taken it up: it stands where the broker does
	heard  time.Time
	ended  bool
	err    error
}

// start is where a subscription that has not joined wants to begin.
type start int

const (
	fromNow  start = iota
	resuming       // from a cursor
	anew           // from a cursor that is of no use
)

// Batches gives the batches in their order. It is closed when the subscription
// has ended; what was in it by then can still be read.
func (s *Subscription) Batches() <-chan Batch { return s.batches }

// Err says why the subscription has ended: ErrSlow, ErrClosing, or nil if it was
// by Close. It is valid once Batches is closed.
func (s *Subscription) Err() error {
	s.broker.mu.Lock()
	defer s.broker.mu.Unlock()
	return s.err
}

// Close ends the subscription. It may be called at any time and more than once.
func (s *Subscription) Close() {
	s.broker.mu.Lock()
	defer s.broker.mu.Unlock()
	s.broker.end(s, nil)
}

func (s *Subscription) from(since string) {
	if since == "" {
		return
	}
	s.start = anew
	if len(since) > maxCursor {
		return
	}
	if c, ok := parseCursor(since); ok {
		s.start, s.since = resuming, c
	}
}

// add makes s one that joins. The caller holds mu.
func (b *Broker) add(s *Subscription) {
	if b.users[s.user] == nil {
		b.users[s.user] = make(map[*Subscription]bool)
	}
	b.users[s.user][s] = true
	b.total++
	b.metrics.subscribers.Inc()
	b.joining = append(b.joining, s)
	if b.interrupt != nil {
		b.interrupt()
	}
	select {
	case b.came <- struct{}{}:
	default:
	}
}

// end ends s, once. The caller holds mu.
func (b *Broker) end(s *Subscription, err error) {
	if s.ended {
		return
	}
	s.ended, s.err = true, err
	close(s.batches)
	delete(b.users[s.user], s)
	if len(b.users[s.user]) == 0 {
		delete(b.users, s.user)
	}
	if !s.joined {
		b.joining = slices.DeleteFunc(b.joining, func(other *Subscription) bool { return other == s })
	}
	b.total--
	b.left = time.Now()
	b.metrics.subscribers.Dec()
	switch {
	case errors.Is(err, ErrSlow):
		b.metrics.dropped.WithLabelValues(reasonSlow).Inc()
	case errors.Is(err, ErrClosing):
		b.metrics.dropped.WithLabelValues(reasonClosing).Inc()
	}
}

// send gives s a batch, or ends it if it has no room for one. The caller holds mu.
func (b *Broker) send(s *Subscription, batch Batch, now time.Time) {
	if s.ended {
		return
	}
	select {
	case s.batches <- batch:
		s.heard = now
		b.metrics.delivered.Add(float64(len(batch.Events)))
	default:
		b.end(s, ErrSlow)
	}
}

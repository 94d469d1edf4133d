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
	since  cursor    // with startAtCursor
	joined bool      // a step has taken it up: it gets what is new since the broker's cursor
	sent   time.Time // when it was last sent a batch
	ended  bool      // it gets no batch any more
	err    error     // why it has ended
	held   int       // bytes of the batches that were sent and are not done
	closed bool      // Close was called: it does not count any more

	attempts int // to read its backlog; used by Run's goroutine alone
}

// start is where a subscription that has not joined begins.
type start int

const (
	startNow      start = iota
	startAtCursor       // it resumes
	startReset          // its cursor is of no use
)

// Batches returns the batches in their order. The channel is closed when the
// subscription has ended. If it ended with ErrClosing, the batches in the channel can
// still be read; else they are dropped.
func (s *Subscription) Batches() <-chan Batch { return s.batches }

// Err returns why the subscription has ended: ErrSlow, ErrClosing, or nil after
// Close. It is valid once Batches is closed.
func (s *Subscription) Err() error {
	s.broker.mu.Lock()
	defer s.broker.mu.Unlock()
	return s.err
}

// Done says that the caller has dealt with a batch and does not keep it. It is called
// once for each batch, before the next one is taken, or left to Close.
func (s *Subscription) Done(batch Batch) {
	s.broker.mu.Lock()
	defer s.broker.mu.Unlock()
	s.broker.release(s, batch.size)
}

// Close ends the subscription and says that the caller keeps none of its batches. It
// may be called at any time and more than once.
func (s *Subscription) Close() {
	s.broker.mu.Lock()
	defer s.broker.mu.Unlock()
	s.broker.end(s, nil)
	s.broker.leave(s)
}

// startFrom sets where s begins: at cursor since, or now if since is "".
func (s *Subscription) startFrom(since string) {
	if since == "" {
		return
	}
	s.start = startReset
	if len(since) > maxCursor {
		return
	}
	if c, ok := parseCursor(since); ok {
		s.start, s.since = startAtCursor, c
	}
}

// add has s join as soon as a step has room for it. The caller holds mu.
func (b *Broker) add(s *Subscription) {
	if b.users[s.user] == nil {
		b.users[s.user] = make(map[*Subscription]bool)
	}
	b.users[s.user][s] = true
	b.total++
	b.enter(s)
	b.metrics.subscribers.Inc()
	b.joining = append(b.joining, s)
	b.wake()
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

// end ends s, once. The caller holds mu.
func (b *Broker) end(s *Subscription, err error) {
	if s.ended {
		return
	}
	s.ended, s.err = true, err
	if !errors.Is(err, ErrClosing) {
		b.discard(s)
	}
	close(s.batches)
	delete(b.users[s.user], s)
	if len(b.users[s.user]) == 0 {
		delete(b.users, s.user)
	}
	if !s.joined {
		b.joining = slices.DeleteFunc(b.joining, func(other *Subscription) bool { return other == s })
	}
	b.total--
	if b.total == 0 { // the broker's connection may be closed soon
		b.emptied = true
		if b.interrupt != nil {
			b.interrupt()
		}
	}
	b.lastEnd = time.Now()
	b.metrics.subscribers.Dec()
	switch {
	case errors.Is(err, ErrSlow):
		b.metrics.dropped.WithLabelValues(reasonSlow).Inc()
	case errors.Is(err, ErrClosing):
		b.metrics.dropped.WithLabelValues(reasonClosing).Inc()
	}
}

// send sends s a batch, or ends s if there is no room for the batch: in the channel,
// or in the user's bytes unless s holds none. The caller holds mu.
func (b *Broker) send(s *Subscription, batch Batch, now time.Time) {
	if s.ended {
		return
	}
	if s.held > 0 && b.accounts[s.user].held+batch.size > b.bounds.userBytes {
		b.end(s, ErrSlow)
		return
	}
	select {
	case s.batches <- batch:
		s.sent = now
		b.hold(s, batch.size)
		b.metrics.delivered.Add(float64(len(batch.Events)))
	default:
		b.end(s, ErrSlow)
	}
}

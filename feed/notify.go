package feed

import (
	"context"
	"time"
)

// A listener leads in mode notify: it listens for rows, and reads the table while
// they are too many to be announced.
type listener struct {
	*leader
	busy chan struct{} // from receive: the notifications are too many
	rate rate          // receive's
}

func newListener(l *leader) *listener {
	return &listener{leader: l, busy: make(chan struct{}, 1), rate: rate{limit: l.cfg.BusyRate}}
}

// receive takes the id of a notification.
func (n *listener) receive(id string) {
	n.leader.receive(id)
	if n.rate.exceeded(time.Now()) {
		signal(n.busy)
	}
}

// run listens, and reads whenever it is busy, until ctx ends.
func (n *listener) run(ctx context.Context, swept int) error {
	n.metrics.mode(Notify, stateListening)
	n.state.up()
	n.cfg.Logger.InfoContext(ctx, "[TaskSync] Listening for new rows", "feed", Notify, "swept", swept)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.busy:
		}
		if err := readWhileBusy(ctx, n.leader); err != nil {
			return err
		}
		n.drain()
		n.metrics.mode(Notify, stateListening)
		n.cfg.Logger.InfoContext(ctx, "[TaskSync] Few new rows; listening again")
	}
}

// drain forgets a sign of load that is over.
func (n *listener) drain() {
	select {
	case <-n.busy:
	default:
	}
}

// A rate tells when too much happens in a second.
type rate struct {
	limit int
	since time.Time
	count int
}

// exceeded counts one event.
func (r *rate) exceeded(now time.Time) bool {
	if now.Sub(r.since) > time.Second {
		r.since, r.count = now, 0
	}
	r.count++
	return r.count > r.limit
}

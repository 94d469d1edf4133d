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
	rate rate          // for the goroutine of receive alone
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

// run listens, and reads whenever the notifications are too many, until ctx ends.
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

// drain forgets a sign of load from before the reading.
func (n *listener) drain() {
	select {
	case <-n.busy:
	default:
	}
}

// A rate tells when there are more than limit notifications in a second.
type rate struct {
	limit int
	since time.Time // when the second began
	count int
}

// exceeded counts a notification, and reports whether it is one too many.
func (r *rate) exceeded(now time.Time) bool {
	if now.Sub(r.since) > time.Second {
		r.since, r.count = now, 0
	}
	r.count++
	return r.count > r.limit
}

package feed

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"tasksync/internal/database"
)

// A leader hears of the rows for all daemons. It runs two goroutines. One of them,
// keep, owns the session; the other sweeps, works through the pool, and sends keep
// the orders to quieten the triggers or to wake them.
type leader struct {
	base
	session *session
	orders  chan bool     // to keep: quieten (true) or wake the triggers
	awake   chan struct{} // from keep: the triggers are awake

	wantQuiet, quiet bool // for keep alone: the last order, and whether the session holds lock K
}

func newLeader(b base, s *session) *leader {
	return &leader{base: b, session: s, orders: make(chan bool, 2), awake: make(chan struct{}, 1)}
}

// lead listens, sweeps, and then runs work until it fails or ctx ends. receive takes
// the ids of notifications, and work the number of rows that the sweep found.
func (l *leader) lead(ctx context.Context, receive func(id string), work func(ctx context.Context, swept int) error) error {
	l.metrics.leader.Set(1)
	defer l.metrics.leader.Set(0)
	if err := l.prepare(ctx); err != nil {
		return err
	}
	l.collector.hold()
	defer l.collector.release(nil) // in case no sweep has released it
	l.session.receive = receive
	if err := l.session.listen(ctx, channel); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.keep(ctx) })
	group.Go(func() error {
		swept, err := l.sweep(ctx)
		if err != nil {
			return err
		}
		l.collector.release(swept)
		return work(ctx, len(swept))
	})
	return group.Wait()
}

// prepare sets parameters of the session. It does so only after the session was
// verified: behind a pooler in transaction mode, parameters would stay on a server
// connection that others use.
func (l *leader) prepare(ctx context.Context) error {
	return l.session.do(ctx, "prepare the feed's session", func(ctx context.Context) error {
		return l.queries.FeedPrepareSession(ctx, l.session.conn, fmt.Sprint((l.session.beat * 9 / 10).Milliseconds()))
	})
}

// receive takes the id of a notification.
func (l *leader) receive(id string) {
	l.metrics.notifications.Inc()
	l.collector.receive(id)
}

// order has keep quieten the triggers or wake them, and does not wait for it.
func (l *leader) order(quiet bool) {
	l.orders <- quiet
	l.session.interrupt()
}

// keep owns the connection: it receives notifications, shows that the session
// lives, and obeys orders.
func (l *leader) keep(ctx context.Context) error {
	for {
		if err := l.step(ctx); err != nil {
			return err
		}
		if err := l.session.heartbeat(ctx); err != nil {
			return err
		}
	}
}

// step obeys an order if there is one, or asks for lock K, or else waits for
// notifications. Each of them takes about a beat at most.
func (l *leader) step(ctx context.Context) error {
	select {
	case l.wantQuiet = <-l.orders:
		if !l.wantQuiet {
			return l.wakeTriggers(ctx)
		}
	default:
	}
	if l.wantQuiet && !l.quiet {
		return l.quietTriggers(ctx)
	}
	return l.session.wait(ctx)
}

// quietTriggers asks for lock K, for most of a beat. The triggers are quiet while
// the session asks for the lock and while it holds it. The server sends the
// notifications of that time when the session has stopped asking.
func (l *leader) quietTriggers(ctx context.Context) error {
	err := l.session.do(ctx, "quieten the triggers", func(ctx context.Context) error {
		return l.queries.FeedQuietTriggers(ctx, l.session.conn)
	})
	if database.Code(err) == database.LockNotAvailable { // a writer's transaction is open; step asks again
		return nil
	}
	l.quiet = err == nil
	return err
}

// wakeTriggers releases lock K if the session holds it, and says so to awake.
func (l *leader) wakeTriggers(ctx context.Context) error {
	if l.quiet {
		l.quiet = false
		err := l.session.do(ctx, "wake the triggers", func(ctx context.Context) error {
			_, err := l.queries.FeedWakeTriggers(ctx, l.session.conn)
			return err
		})
		if err != nil {
			return err
		}
	}
	l.awake <- struct{}{}
	return nil
}

package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
)

// A leader is a session that is the feed. Two goroutines make it: keep owns the
// connection, watch looks at rows through the pool and orders keep to quieten
// the triggers or to wake them.
type leader struct {
	*Feed
	session *session
	orders  chan bool     // to keep: quieten (true) or wake the triggers
	awake   chan struct{} // from keep: they are awake
	busy    chan struct{} // from hear: there is more than can be listened to
	rate    rate          // keep's

	quieten, quiet bool // keep's: what is wanted, and whether K is held
}

func (f *Feed) lead(ctx context.Context, s *session) error {
	l := &leader{
		Feed: f, session: s, orders: make(chan bool, 2), awake: make(chan struct{}, 1), busy: make(chan struct{}, 1),
		rate: rate{limit: f.cfg.BusyRate},
	}
	f.metrics.leader.Set(1)
	defer f.metrics.leader.Set(0)
	if err := l.prepare(ctx); err != nil {
		return err
	}
	f.collector.hold()
	defer f.collector.release(nil)
	s.heard = l.hear
	if err := s.listen(ctx, channel); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.keep(ctx) })
	group.Go(func() error { return l.watch(ctx) })
	return group.Wait()
}

// prepare makes settings of the session. Only now: what is set behind a pooler in
// transaction mode stays with somebody else.
func (l *leader) prepare(ctx context.Context) error {
	return l.session.do(ctx, "prepare the feed's session", func(ctx context.Context) error {
		return l.queries.FeedPrepareSession(ctx, l.session.conn, fmt.Sprint((l.session.beat * 9 / 10).Milliseconds()))
	})
}

// hear takes a notification.
func (l *leader) hear(id string) {
	l.metrics.notifications.Inc()
	l.collector.hear(id)
	if l.rate.exceeded(time.Now()) {
		select {
		case l.busy <- struct{}{}:
		default:
		}
	}
}

// keep owns the connection: it hears, shows that it lives, and obeys orders.
func (l *leader) keep(ctx context.Context) error {
	for {
		if err := l.turn(ctx); err != nil {
			return err
		}
		if err := l.session.live(ctx); err != nil {
			return err
		}
	}
}

// turn is a beat of the connection's life, at most.
func (l *leader) turn(ctx context.Context) error {
	select {
	case l.quieten = <-l.orders:
		if !l.quieten {
			return l.wake(ctx)
		}
	default:
	}
	if l.quieten && !l.quiet {
		return l.hush(ctx)
	}
	return l.session.wait(ctx)
}

// hush asks for lock K, for most of a beat. While it asks, and when it has it,
// the triggers are quiet. Notifications that come meanwhile are heard.
func (l *leader) hush(ctx context.Context) error {
	err := l.session.do(ctx, "quieten the triggers", func(ctx context.Context) error {
		return l.queries.FeedQuietTriggers(ctx, l.session.conn)
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "55P03" { // lock_timeout: a writer's transaction is open
		return nil
	}
	l.quiet = err == nil
	return err
}

// wake releases K if it is held.
func (l *leader) wake(ctx context.Context) error {
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

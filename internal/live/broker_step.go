package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/queries"
)

// plan says for which subscriptions a step reads.
type plan struct {
	users   map[string]bool // the users with joined subscriptions
	joining []*Subscription // the subscriptions that can join in this step
}

// step reads once and delivers what it has read. It has two parts. The first one is
// shared: what is new for the joined subscriptions. Its query holds no data of any
// client. The second one reads what joining subscriptions have missed, with the same
// snapshot; whatever happens there, the first part is delivered and counts. A part
// that fails changes nothing: the next step reads the same.
func (b *Broker) step(ctx context.Context, l *listener) error {
	defer prometheus.NewTimer(b.metrics.steps).ObserveDuration()
	p := b.plan()
	if len(p.users)+len(p.joining) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.bounds.step)
	defer cancel()
	if b.stuck >= b.bounds.stuck {
		return b.resetAll(ctx, l, p)
	}
	l.notified = false
	if len(p.joining) == 0 { // one statement reads all that depends on the snapshot
		return b.share(ctx, l, l.conn, p)
	}
	tx, err := l.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after Commit it does nothing; else Run gives the connection up
	if err := b.share(ctx, l, tx, p); err != nil {
		return err
	}
	if err := b.join(ctx, tx, p.joining); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// share reads and delivers what is new for the joined subscriptions.
func (b *Broker) share(ctx context.Context, l *listener, db queries.DBTX, p plan) error {
	res, err := b.read(ctx, l, db, p)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) || !l.conn.IsClosed() {
			b.stuck++ // the unread events may be the cause
		}
		return err
	}
	b.deliver(res)
	b.stuck = 0
	b.recovered()
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

// deliver sends the batches of res. Then all joined subscriptions have what res.now
// sees.
func (b *Broker) deliver(res result) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if res.overflow {
		b.rejoin()
	}
	for user, subscriptions := range b.users {
		batch := Batch{Cursor: res.now.text, Reset: res.reset || res.resets[user], Events: res.events[user]}
		batch.size, batch.encoded = weigh(batch.Events), new(encoded)
		news := batch.Reset || len(batch.Events) > 0
		for s := range subscriptions {
			if s.joined && (news || now.Sub(s.sent) >= b.bounds.refresh) {
				b.send(s, batch, now)
			}
		}
	}
	b.at = res.now
}

// rejoin has the joined subscriptions resume from the broker's cursor, so that the
// bounds apply to each of them. The caller holds mu.
func (b *Broker) rejoin() {
	for _, subscriptions := range b.users {
		for s := range subscriptions {
			if s.joined {
				s.joined, s.start, s.since, s.attempts = false, startAtCursor, b.at, 0
				b.joining = append(b.joining, s)
			}
		}
	}
}

package live

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/database"
	"tasksync/queries"
)

// read reads the events of the joined subscriptions, and the generations of all these
// events.
func (b *Broker) read(ctx context.Context, l *listener, db queries.DBTX, p plan) (result, error) {
	r := b.reading(l.conn, db)
	r.isolate = true
	var err error
	if len(p.users) > 0 {
		err = r.follow(ctx, b.at, p.users)
	} else {
		r.now, err = b.snapshot(ctx, db)
	}
	if err != nil {
		return result{}, err
	}
	if err := r.hydrate(ctx); err != nil {
		return result{}, err
	}
	if r.unreadable != nil {
		b.complain("[TaskSync] Rows cannot be read; the clients that follow them have to read anew", r.unreadable)
	}
	return r.result, nil
}

func (b *Broker) reading(conn *pgx.Conn, db queries.DBTX) *reading {
	return &reading{
		queries: b.queries, bounds: b.bounds, show: b.cfg.Show, conn: conn, db: db,
		result: result{events: make(map[string][]Event), resets: make(map[string]bool), first: make(map[*Subscription]Batch)},
	}
}

// resetAll gives up the unread events, because reading them fails or takes too
// long. It resets all subscriptions, except those that start now and so miss nothing.
func (b *Broker) resetAll(ctx context.Context, l *listener, p plan) error {
	now, err := b.snapshot(ctx, l.conn)
	if err != nil {
		return err
	}
	b.cfg.Logger.Warn("[TaskSync] Live updates cannot be read; clients have to read anew")
	b.deliver(result{now: now, reset: true})
	first := make(map[*Subscription]Batch)
	for _, s := range p.joining {
		first[s] = Batch{Cursor: now.text, Reset: s.start != startNow}
	}
	b.welcome(first)
	b.stuck = 0
	return nil
}

// complainEvery is the time between two log lines about what cannot be read.
const complainEvery = time.Minute

// complain logs that a part of what clients wait for cannot be read.
func (b *Broker) complain(message string, err error) {
	if now := time.Now(); now.Sub(b.complained) >= complainEvery {
		b.complained = now
		b.cfg.Logger.Warn(message, "error", database.WithoutDetail(err)) //nolint:sloglint // the callers' messages are constant
	}
}

func (b *Broker) snapshot(ctx context.Context, db queries.DBTX) (cursor, error) {
	text, err := b.queries.EventSnapshot(ctx, db)
	if err != nil {
		return cursor{}, fmt.Errorf("take a snapshot: %w", err)
	}
	return ownCursor(text)
}

// ownCursor parses a snapshot that Postgres gave.
func ownCursor(text string) (cursor, error) {
	c, ok := parseCursor(text)
	if !ok {
		return cursor{}, fmt.Errorf("unknown form of a snapshot: %q", text)
	}
	return c, nil
}

package live

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
)

// read reads what is new for the subscriptions of p. It needs a transaction only if
// some of them join: else one statement reads all that depends on the snapshot, and a
// step without news is one round trip.
func (b *Broker) read(ctx context.Context, l *listener, p plan) (result, error) {
	if b.stuck >= b.bounds.stuck {
		return b.resetAll(ctx, l, p)
	}
	l.notified = false
	if len(p.joining) == 0 {
		return b.readBy(ctx, l.conn, p)
	}
	tx, err := l.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return result{}, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after Commit it does nothing; else Run gives the connection up
	res, err := b.readBy(ctx, tx, p)
	if err != nil {
		return result{}, err
	}
	if err := tx.Commit(ctx); err != nil {
		return result{}, fmt.Errorf("commit: %w", err)
	}
	return res, nil
}

// readBy reads the events of the joined subscriptions, then the events of those that
// join, and then the generations of all these events.
func (b *Broker) readBy(ctx context.Context, db queries.DBTX, p plan) (result, error) {
	r := reading{
		queries: b.queries, bounds: b.bounds, show: b.cfg.Show, db: db,
		result: result{events: make(map[string][]Event), first: make(map[*Subscription]Batch)},
	}
	var err error
	if len(p.users) > 0 {
		err = r.follow(ctx, b.at, p.users)
	} else {
		r.now, err = b.snapshot(ctx, db)
	}
	if err != nil {
		return result{}, err
	}
	if err := r.join(ctx, p.joining); err != nil {
		return result{}, err
	}
	if err := r.hydrate(ctx); err != nil {
		return result{}, err
	}
	return r.result, nil
}

// resetAll gives up the unread events, because reading them fails or takes too
// long. It resets all subscriptions, except those that start now and so miss nothing.
func (b *Broker) resetAll(ctx context.Context, l *listener, p plan) (result, error) {
	now, err := b.snapshot(ctx, l.conn)
	if err != nil {
		return result{}, err
	}
	b.cfg.Logger.Warn("[TaskSync] Live updates cannot be read; clients have to read anew")
	res := result{now: now, reset: true, unread: true, first: make(map[*Subscription]Batch)}
	for _, s := range p.joining {
		res.first[s] = Batch{Cursor: now.text, Reset: s.start != startNow}
	}
	return res, nil
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

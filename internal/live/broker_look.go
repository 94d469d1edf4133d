package live

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
)

// look reads what is new for those of the plan. One that finds nothing takes one
// round trip.
func (b *Broker) look(ctx context.Context, l *listener, p plan) (look, error) {
	if b.stuck >= b.limits.stuck {
		return b.lookAway(ctx, l, p)
	}
	if len(p.joining) == 0 {
		seen, quiet, err := b.peek(ctx, l, p)
		if quiet || err != nil {
			return seen, err
		}
	}
	return b.lookClosely(ctx, l, p)
}

// lookAway gives up what there is to read, because that fails or takes too long:
// all have to read anew.
func (b *Broker) lookAway(ctx context.Context, l *listener, p plan) (look, error) {
	now, err := b.snapshot(ctx, l.conn)
	if err != nil {
		return look{}, err
	}
	b.cfg.Logger.Warn("[TaskSync] Live updates cannot be read; clients have to read anew")
	seen := look{now: now, reset: true, away: true, joined: make(map[*Subscription]Batch)}
	for _, s := range p.joining {
		seen.joined[s] = Batch{Cursor: now.text, Reset: s.start != fromNow}
	}
	return seen, nil
}

// peek says whether there is nothing to read.
func (b *Broker) peek(ctx context.Context, l *listener, p plan) (seen look, quiet bool, err error) {
	l.notified = false
	row, err := b.queries.EventPeek(ctx, l.conn, queries.EventPeekParams{Since: b.at.text, UserIds: p.users})
	if err != nil {
		return look{}, false, fmt.Errorf("look for events: %w", err)
	}
	seen.now, err = ownCursor(row.Snapshot)
	seen.reset = b.at.after(seen.now)
	return seen, seen.reset || !row.Found, err
}

// lookClosely reads in a transaction, so that all queries see the same.
func (b *Broker) lookClosely(ctx context.Context, l *listener, p plan) (look, error) {
	tx, err := l.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return look{}, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after Commit it does nothing; else the connection is given up
	l.notified = false     // what it was told of is in the snapshot
	now, err := b.snapshot(ctx, tx)
	if err != nil {
		return look{}, err
	}
	r := reading{
		queries: b.queries, limits: b.limits, tx: tx,
		look: look{now: now, events: make(map[string][]Event), joined: make(map[*Subscription]Batch)},
	}
	if err := r.follow(ctx, b.at, p.users); err != nil {
		return look{}, err
	}
	if err := r.join(ctx, p.joining); err != nil {
		return look{}, err
	}
	if err := r.show(ctx); err != nil {
		return look{}, err
	}
	if err := tx.Commit(ctx); err != nil {
		return look{}, fmt.Errorf("commit: %w", err)
	}
	return r.look, nil
}

func (b *Broker) snapshot(ctx context.Context, db queries.DBTX) (cursor, error) {
	text, err := b.queries.EventSnapshot(ctx, db)
	if err != nil {
		return cursor{}, fmt.Errorf("take a snapshot: %w", err)
	}
	return ownCursor(text)
}

// ownCursor is the cursor of a snapshot that Postgres gave.
func ownCursor(text string) (cursor, error) {
	c, ok := parseCursor(text)
	if !ok {
		return cursor{}, fmt.Errorf("unknown form of a snapshot: %q", text)
	}
	return c, nil
}

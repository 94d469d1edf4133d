package live

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
)

// look reads what is new for those of the plan. When nobody joins, one statement
// is all that has to see the same, and a look that finds nothing is one round trip.
func (b *Broker) look(ctx context.Context, l *listener, p plan) (look, error) {
	if b.stuck >= b.limits.stuck {
		return b.lookAway(ctx, l, p)
	}
	l.notified = false
	if len(p.joining) == 0 {
		return b.read(ctx, l.conn, p)
	}
	tx, err := l.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return look{}, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after Commit it does nothing; else the connection is given up
	seen, err := b.read(ctx, tx, p)
	if err != nil {
		return look{}, err
	}
	if err := tx.Commit(ctx); err != nil {
		return look{}, fmt.Errorf("commit: %w", err)
	}
	return seen, nil
}

// read reads for those who have joined, then for those who join, and then the
// generations of both.
func (b *Broker) read(ctx context.Context, db queries.DBTX, p plan) (look, error) {
	r := reading{
		queries: b.queries, limits: b.limits, db: db,
		look: look{events: make(map[string][]Event), joined: make(map[*Subscription]Batch)},
	}
	var err error
	if len(p.users) > 0 {
		err = r.follow(ctx, b.at, p.users)
	} else {
		r.now, err = b.snapshot(ctx, db)
	}
	if err != nil {
		return look{}, err
	}
	if err := r.join(ctx, p.joining); err != nil {
		return look{}, err
	}
	if err := r.show(ctx); err != nil {
		return look{}, err
	}
	return r.look, nil
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

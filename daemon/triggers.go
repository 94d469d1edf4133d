package daemon

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/feed"
)

// TriggersOn reports whether the database announces new rows.
func TriggersOn(ctx context.Context, pool *pgxpool.Pool) (bool, error) {
	return feed.TriggersOn(ctx, pool)
}

// SetTriggers has the database announce new rows or not. Announcing them costs
// their writers, which is for nothing where rows are polled for.
func SetTriggers(ctx context.Context, pool *pgxpool.Pool, on bool) error {
	return feed.SetTriggers(ctx, pool, on)
}

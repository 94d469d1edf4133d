package feed

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
)

// TriggersOn reports whether the triggers that announce new rows are enabled.
func TriggersOn(ctx context.Context, db queries.DBTX) (bool, error) {
	list, err := queries.New().FeedTriggerList(ctx, db)
	if err != nil {
		return false, fmt.Errorf("look at the triggers: %w", err)
	}
	if len(list) < 2 {
		return false, ErrNoTriggers
	}
	return list[0].Enabled && list[1].Enabled, nil
}

// triggersLockTimeout bounds how long SetTriggers waits for the lock on the table:
// all writers wait behind it.
const triggersLockTimeout = "2s"

// SetTriggers enables or disables the triggers. The role must own the table.
func SetTriggers(ctx context.Context, pool *pgxpool.Pool, on bool) error {
	q := queries.New()
	set := q.FeedTriggersDisable
	if on {
		set = q.FeedTriggersEnable
	}
	if _, err := TriggersOn(ctx, pool); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := q.TransactionSetLockTimeout(ctx, tx, triggersLockTimeout); err != nil {
			return err
		}
		if err := set(ctx, tx); err != nil {
			return fmt.Errorf("switch the triggers: %w", err)
		}
		return nil
	})
}

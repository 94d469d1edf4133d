package feed

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
)

// TriggersOn reports whether the triggers that announce new rows are enabled.
func TriggersOn(ctx context.Context, db queries.DBTX) (bool, error) {
	list, err := queries.New().FeedTriggerList(ctx, db)
	if err != nil {
		return false, fmt.Errorf("read the state of the triggers: %w", err)
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
	if _, err := TriggersOn(ctx, pool); err != nil {
		return err
	}
	list, err := q.FeedTriggerList(ctx, pool)
	if err != nil {
		return fmt.Errorf("read the triggers: %w", err)
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := q.TransactionSetLockTimeout(ctx, tx, triggersLockTimeout); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, switchSQL(list, on)); err != nil {
			return fmt.Errorf("switch the triggers: %w", err)
		}
		return nil
	})
}

// switchSQL is made here and not by sqlc, because the triggers may stand on a table of
// the application's, of any name.
func switchSQL(list []queries.FeedTriggerListRow, on bool) string {
	verb := "DISABLE"
	if on {
		verb = "ENABLE"
	}
	var parts []string
	for _, t := range list {
		parts = append(parts, verb+" TRIGGER "+pgx.Identifier{t.Name}.Sanitize())
	}
	return "ALTER TABLE " + pgx.Identifier{list[0].SchemaName, list[0].TableName}.Sanitize() + " " + strings.Join(parts, ", ")
}

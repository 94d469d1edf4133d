package feed

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
)

// Triggers is the state of the triggers that announce new rows.
type Triggers struct {
	Enabled bool
	// TwoPhase is the server's max_prepared_transactions: above 0 a transaction may be
	// prepared, which Postgres refuses to one that has notified.
	TwoPhase int
	// Always says that the triggers notify even so.
	Always bool
}

// Quiet reports whether the triggers say nothing for the sake of two-phase commits.
func (t Triggers) Quiet() bool { return t.Enabled && t.TwoPhase > 0 && !t.Always }

// Announce reports whether the triggers announce new rows.
func (t Triggers) Announce() bool { return t.Enabled && !t.Quiet() }

// String describes the state.
func (t Triggers) String() string {
	switch {
	case !t.Enabled:
		return "off: new rows are not announced; feeds poll and wal find them"
	case t.Quiet():
		return fmt.Sprintf("quiet: the server permits two-phase commits (max_prepared_transactions = %d), and Postgres refuses PREPARE TRANSACTION to a transaction that has notified; feeds poll and wal find new rows. "+
			"If no application prepares transactions, `tasksync feed trigger on` has them announce all the same", t.TwoPhase)
	case t.TwoPhase > 0:
		return fmt.Sprintf("on, always: new rows are announced although the server permits two-phase commits (max_prepared_transactions = %d); Postgres refuses PREPARE TRANSACTION to a transaction that makes a row pending", t.TwoPhase)
	}
	return "on: new rows are announced"
}

// TriggersGet reads the state of the triggers.
func TriggersGet(ctx context.Context, db queries.DBTX) (Triggers, error) {
	list, err := queries.New().FeedTriggerList(ctx, db)
	if err != nil {
		return Triggers{}, fmt.Errorf("read the state of the triggers: %w", err)
	}
	if len(list) < 2 {
		return Triggers{}, ErrNoTriggers
	}
	return Triggers{
		Enabled: list[0].Enabled && list[1].Enabled, Always: list[0].Always && list[1].Always, TwoPhase: int(list[0].MaxPrepared),
	}, nil
}

// triggersLockTimeout bounds how long SetTriggers waits for the lock on the table:
// all writers wait behind it.
const triggersLockTimeout = "2s"

// SetTriggers enables or disables the triggers. Enabled, they announce rows even where
// the server permits two-phase commits. The role must own the table.
func SetTriggers(ctx context.Context, pool *pgxpool.Pool, on bool) error {
	q := queries.New()
	set := q.FeedTriggersDisable
	triggers, err := TriggersGet(ctx, pool)
	switch {
	case err != nil:
		return err
	case on && triggers.TwoPhase > 0:
		set = q.FeedTriggersEnableAlways
	case on:
		set = q.FeedTriggersEnable
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

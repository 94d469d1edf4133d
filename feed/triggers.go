package feed

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/database"
	"tasksync/internal/wait"
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

// How SetTriggers waits for the lock on the table. All writers wait behind it, so it
// waits for a moment at a time.
const (
	triggersLockTimeout = "50ms"
	triggersMinPause    = 100 * time.Millisecond
	triggersMaxPause    = 2 * time.Second
	triggersPatience    = 15 * time.Second
)

// SetTriggers enables or disables the triggers. Enabled, they announce rows even where
// the server permits two-phase commits. The role must own the table. Where another
// transaction keeps the table locked, it tries for 15 s, and its error then names that
// transaction.
func SetTriggers(ctx context.Context, pool *pgxpool.Pool, on bool) error {
	q := queries.New()
	triggers, err := TriggersGet(ctx, pool)
	if err != nil {
		return err
	}
	list, err := q.FeedTriggerList(ctx, pool)
	if err != nil {
		return fmt.Errorf("read the triggers: %w", err)
	}
	verb, table := "DISABLE", pgx.Identifier{list[0].SchemaName, list[0].TableName}.Sanitize()
	switch {
	case on && triggers.TwoPhase > 0:
		verb = "ENABLE ALWAYS"
	case on:
		verb = "ENABLE"
	}
	end := time.Now().Add(triggersPatience)
	for pause := triggersMinPause; ; pause = min(2*pause, triggersMaxPause) {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if err := q.TransactionSetLockTimeout(ctx, tx, triggersLockTimeout); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, switchSQL(list, verb, table))
			return err
		})
		switch {
		case err == nil:
			return nil
		case database.Code(err) != database.LockNotAvailable:
			return fmt.Errorf("switch the triggers: %w", err)
		case time.Now().After(end):
			return fmt.Errorf("switch the triggers: %w: %s is locked by %s; end that transaction, or try again later", err, list[0].TableName, holder(ctx, pool, table))
		}
		if err := wait.For(ctx, pause); err != nil {
			return err
		}
	}
}

// holder describes who keeps the table locked. The function is one of the migrations',
// which sqlc does not know.
func holder(ctx context.Context, pool *pgxpool.Pool, table string) string {
	what := "transactions that hold it in turn"
	row := pool.QueryRow(ctx, `SELECT what FROM tasksync_ddl.holders($1, 'SHARE ROW EXCLUSIVE') LIMIT 1`, table)
	_ = row.Scan(&what) // the error of the caller stands without it, too
	return what
}

// switchSQL is made here and not by sqlc, because the triggers may stand on a table of
// the application's, of any name.
func switchSQL(list []queries.FeedTriggerListRow, verb, table string) string {
	var parts []string
	for _, t := range list {
		parts = append(parts, verb+" TRIGGER "+pgx.Identifier{t.Name}.Sanitize())
	}
	return "ALTER TABLE " + table + " " + strings.Join(parts, ", ")
}

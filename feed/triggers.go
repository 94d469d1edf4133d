package feed

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/database"
	"tasksync/internal/wait"
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

// How SetTriggers waits for the lock on the table. All writers wait behind it, so it
// waits for a moment at a time.
const (
	triggersLockTimeout = "50ms"
	triggersMinPause    = 100 * time.Millisecond
	triggersMaxPause    = 2 * time.Second
	triggersPatience    = 15 * time.Second
)

// SetTriggers enables or disables the triggers. The role must own the table. Where
// another transaction keeps the table locked, it tries for 15 s, and its error then
// names that transaction.
func SetTriggers(ctx context.Context, pool *pgxpool.Pool, on bool) error {
	q := queries.New()
	set := q.FeedTriggersDisable
	if on {
		set = q.FeedTriggersEnable
	}
	if _, err := TriggersOn(ctx, pool); err != nil {
		return err
	}
	end := time.Now().Add(triggersPatience)
	for pause := triggersMinPause; ; pause = min(2*pause, triggersMaxPause) {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if err := q.TransactionSetLockTimeout(ctx, tx, triggersLockTimeout); err != nil {
				return err
			}
			return set(ctx, tx)
		})
		switch {
		case err == nil:
			return nil
		case database.Code(err) != database.LockNotAvailable:
			return fmt.Errorf("switch the triggers: %w", err)
		case time.Now().After(end):
			return fmt.Errorf("switch the triggers: %w: music_generations is locked by %s; end that transaction, or try again later", err, holder(ctx, pool))
		}
		if err := wait.For(ctx, pause); err != nil {
			return err
		}
	}
}

// holder describes who keeps the table locked. The function is one of the migrations',
// which sqlc does not know.
func holder(ctx context.Context, pool *pgxpool.Pool) string {
	what := "transactions that hold it in turn"
	row := pool.QueryRow(ctx, `SELECT what FROM tasksync_ddl.holders('public.music_generations', 'SHARE ROW EXCLUSIVE') LIMIT 1`)
	_ = row.Scan(&what) // the error of the caller stands without it, too
	return what
}

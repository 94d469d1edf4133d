package settle

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// callSQL is the statement that calls the function for settlements. Its name comes from
// a setting, so that sqlc cannot generate it. The calls are made in the order of users,
// so that two transactions whose calls lock the accounts of the same users do not
// deadlock. What follows the call is made of its result.
func callSQL(f Function, then string) string {
	return fmt.Sprintf(`SELECT %s(s.generation_id, s.round, s.outcome, s.code, s.details)%s AS result
FROM (
    SELECT l.generation_id, l.round, l.outcome, l.code, l.details
    FROM unnest($1::uuid[], $2::integer[]) AS u (generation_id, round)
    JOIN tasksync.settlements AS l ON l.generation_id = u.generation_id AND l.round = u.round
    ORDER BY l.details->>'user_id', l.generation_id, l.round
    OFFSET 0
) AS s`, f, then)
}

// The statements around the calls. They are here because they travel with the calls, in
// one batch.
const (
	savepoint         = `SAVEPOINT tasksync_settle`
	rollbackSavepoint = `ROLLBACK TO SAVEPOINT tasksync_settle`
	releaseSavepoint  = `RELEASE SAVEPOINT tasksync_settle`
	limitTime         = `SELECT set_config('tasksync.lock_timeout', current_setting('lock_timeout'), true),
    set_config('tasksync.statement_timeout', current_setting('statement_timeout'), true),
    set_config('lock_timeout', $1::text, true), set_config('statement_timeout', $2::text, true)`
	unlimitTime = `SELECT set_config('lock_timeout', current_setting('tasksync.lock_timeout'), true),
    set_config('statement_timeout', current_setting('tasksync.statement_timeout'), true)`
	// Constraints of the function's tables that are checked at the commit would end the
	// transaction there. They are checked in a savepoint that is rolled back, which
	// leaves them to be checked again.
	checkSavepoint   = `SAVEPOINT tasksync_check`
	checkConstraints = `SET CONSTRAINTS ALL IMMEDIATE`
	rollbackCheck    = `ROLLBACK TO SAVEPOINT tasksync_check`
)

// callIn calls the function for settlements in a savepoint. After an error with a
// SQLSTATE, unless the connection is lost, nothing of the calls is left, and the
// transaction can go on.
func (s *Settler) callIn(ctx context.Context, tx pgx.Tx, rounds []settlement, limit time.Duration) error {
	ids, numbers := make([]string, len(rounds)), make([]int32, len(rounds))
	for i, r := range rounds {
		ids[i], numbers[i] = r.id, r.round
	}
	// Alone, so that the savepoint is there when a statement of the batch cannot be
	// prepared: the function may be gone.
	if _, err := tx.Exec(ctx, savepoint); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	batch := &pgx.Batch{}
	batch.Queue(limitTime, milliseconds(limit/2), milliseconds(limit))
	batch.Queue(s.call, ids, numbers)
	for _, sql := range []string{checkSavepoint, checkConstraints, rollbackCheck, unlimitTime, releaseSavepoint} {
		batch.Queue(sql)
	}
	err := tx.SendBatch(ctx, batch).Close()
	if err == nil {
		return nil
	}
	for _, sql := range []string{rollbackSavepoint, releaseSavepoint} {
		if _, failed := tx.Exec(ctx, sql); failed != nil {
			return fmt.Errorf("roll back a call: %w", err) // the connection is lost, and err may tell why
		}
	}
	return fmt.Errorf("call: %w", err)
}

// milliseconds is d as a setting of Postgres.
func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

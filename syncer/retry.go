package syncer

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
	"tasksync/task"
)

// RetryRequest says which failed rows are put back under way.
type RetryRequest struct {
	IDs     []string  // generation ids; none: all that the other fields choose
	Code    string    // only rows with this error_code; empty: any
	Since   time.Time // only rows that failed at that time or later
	Unasked bool      // only rows that their deadline failed without an answer of the provider
	DryRun  bool      // count only
}

// retryBatch is how many rows one transaction puts back.
const retryBatch = 200

// firstID is before all ids.
const firstID = "00000000-0000-0000-0000-000000000000"

// Retry puts failed V2 rows back under way, with an event each, and gives them a
// deadline from now on. Their failed clips are open again; what has ended well
// stays. progress, which may be nil, is told after each batch how many rows are
// done. Retry returns how many it was: rows that have not failed are none of them.
func (s *Syncer) Retry(ctx context.Context, req RetryRequest, progress func(done int)) (int, error) {
	params := queries.GenerationListRetriableParams{
		AfterID: firstID, Ids: req.IDs, Code: req.Code, Since: req.Since, Unasked: req.Unasked, MaxRows: retryBatch,
	}
	done := 0
	for {
		ids, err := s.queries.GenerationListRetriable(ctx, s.cfg.Pool, params)
		if err != nil {
			return done, fmt.Errorf("list failed generations: %w", err)
		}
		if len(ids) == 0 {
			return done, nil
		}
		params.AfterID = ids[len(ids)-1]
		n := len(ids)
		if !req.DryRun {
			if n, err = s.reopen(ctx, ids); err != nil {
				return done, err
			}
		}
		done += n
		if progress != nil {
			progress(done)
		}
	}
}

// reopen puts one batch back, in one transaction.
func (s *Syncer) reopen(ctx context.Context, ids []string) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommitTimeout)
	defer cancel()
	err = s.inTx(ctx, lockTimeout, func(tx pgx.Tx) error {
		rows, err := s.queries.GenerationReopenMany(ctx, tx, ids)
		if err != nil {
			return err
		}
		n = len(rows)
		var events queries.EventInsertManyParams
		var ms memories
		reopened := make([]string, 0, n)
		for _, r := range rows {
			reopened = append(reopened, r.ID)
			addEvent(&events, ViaRetry, &member{
				g: task.Generation{ID: r.ID, UserID: r.UserID, Status: task.Failed}, decision: task.Decision{Status: task.Submitted},
			})
			ms.add(r.ID, task.Memory{BeganAt: s.cfg.Now()})
		}
		if err := s.queries.ClipReopenMany(ctx, tx, reopened); err != nil || n == 0 {
			return err
		}
		if err := s.queries.EventInsertMany(ctx, tx, events); err != nil {
			return err
		}
		return s.writeMemories(ctx, tx, ms)
	})
	if err != nil {
		return 0, fmt.Errorf("put failed generations back under way: %w", redactPg(err))
	}
	return n, nil
}

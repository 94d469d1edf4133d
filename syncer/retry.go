package syncer

import (
	"cmp"
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
// Rows that the database does not let go, like one that is locked, hurt no other:
// the error at the end tells how many they were.
func (s *Syncer) Retry(ctx context.Context, req RetryRequest, progress func(done int)) (int, error) {
	params := queries.GenerationListRetriableParams{
		AfterID: firstID, Ids: req.IDs, Code: req.Code, Since: req.Since, Unasked: req.Unasked, MaxRows: retryBatch,
	}
	done := 0
	var left refusals
	for {
		ids, err := s.queries.GenerationListRetriable(ctx, s.cfg.Pool, params)
		if err != nil {
			return done, fmt.Errorf("list failed generations: %w", err)
		}
		if len(ids) == 0 {
			return done, left.err()
		}
		params.AfterID = ids[len(ids)-1]
		n := len(ids)
		if !req.DryRun {
			if n, err = s.reopenAll(ctx, ids, lockTimeout, &left); err != nil {
				return done + n, err
			}
		}
		done += n
		if progress != nil {
			progress(done)
		}
	}
}

// refusals are the rows that the database did not let be put back.
type refusals struct {
	rows  int
	first error
}

func (r refusals) err() error {
	if r.rows == 0 {
		return nil
	}
	return fmt.Errorf("%d failed generations were left: %w", r.rows, r.first)
}

// reopenAll puts one batch back. One that the database refuses is halved until the
// rows stand alone that it refuses.
func (s *Syncer) reopenAll(ctx context.Context, ids []string, wait string, left *refusals) (n int, err error) {
	n, err = s.reopen(ctx, ids, wait)
	switch {
	case !refused(err):
		return n, err
	case len(ids) == 1:
		left.rows++
		left.first = cmp.Or(left.first, err)
		return 0, nil
	}
	half := len(ids) / 2
	for _, part := range [][]string{ids[:half], ids[half:]} {
		some, err := s.reopenAll(ctx, part, lockTimeoutAlone, left)
		if n += some; err != nil {
			return n, err
		}
	}
	return n, nil
}

// reopen puts rows back in one transaction.
func (s *Syncer) reopen(ctx context.Context, ids []string, wait string) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommitTimeout)
	defer cancel()
	err = s.inTx(ctx, wait, func(tx pgx.Tx) error {
		rows, err := s.queries.GenerationReopenMany(ctx, tx, ids)
		if err != nil {
			return err
		}
		n = len(rows)
		var events queries.EventInsertManyParams
		written, err := s.writtenInto(ctx, tx, ids)
		if err != nil {
			return err
		}
		var ms memories
		reopened := make([]string, 0, n)
		for _, r := range rows {
			reopened = append(reopened, r.ID)
			addEvent(&events, ViaRetry, &member{
				g: task.Generation{ID: r.ID, UserID: r.UserID, Status: task.Failed}, decision: task.Decision{Status: task.Submitted},
			})
			ms.add(r.ID, task.Memory{BeganAt: s.cfg.Now(), Written: written[r.ID]})
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

// writtenInto is what tasksync is known to have written into the clips of rows: what
// the application has written over it stays.
func (s *Syncer) writtenInto(ctx context.Context, db queries.DBTX, ids []string) (map[string]string, error) {
	rows, err := s.queries.MemoryListByGenerations(ctx, db, ids)
	written := make(map[string]string, len(rows))
	for _, r := range rows {
		written[r.GenerationID] = r.Written
	}
	return written, err
}

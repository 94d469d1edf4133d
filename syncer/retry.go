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

// RetryRequest says which failed rows to make pending again.
type RetryRequest struct {
	IDs     []string  // generation ids; none: all rows that the other fields select
	Code    string    // only rows with this error_code; empty: any
	Since   time.Time // only rows that failed at this time or later
	Unasked bool      // only rows that timed out without an answer
	DryRun  bool      // count only
}

// retryBatch is how many rows one transaction reopens.
const retryBatch = 200

// firstID comes before all ids.
const firstID = "00000000-0000-0000-0000-000000000000"

// Retry reopens failed V2 rows: it makes them pending again, each with an event and
// a deadline that counts from now. Their failed clips are pending again; complete
// clips stay. After each batch Retry calls progress, which may be nil, with the
// number of rows done so far. It returns how many rows it has reopened; rows that
// have not failed are left out. A row whose change the database rejects is left out
// too, and Retry returns the first such error when the other rows are done.
func (s *Syncer) Retry(ctx context.Context, req RetryRequest, progress func(done int)) (int, error) {
	params := queries.GenerationListRetriableParams{
		AfterID: firstID, Ids: req.IDs, Code: req.Code, Since: req.Since, Unasked: req.Unasked, MaxRows: retryBatch,
		FailedWords: s.cfg.Words.Spellings(task.Failed),
	}
	done := 0
	var first error
	for {
		ids, err := s.queries.GenerationListRetriable(ctx, s.cfg.Pool, params)
		if err != nil {
			return done, fmt.Errorf("list failed rows: %w", err)
		}
		if len(ids) == 0 {
			return done, first
		}
		params.AfterID = ids[len(ids)-1]
		n := len(ids)
		if !req.DryRun {
			n, err = s.reopenAll(ctx, ids)
			first = cmp.Or(first, err)
			if err != nil && !rejected(err) {
				return done + n, err
			}
		}
		done += n
		if progress != nil {
			progress(done)
		}
	}
}

// reopenAll reopens one batch; if the database rejects the batch, row by row.
func (s *Syncer) reopenAll(ctx context.Context, ids []string) (n int, err error) {
	if n, err = s.reopen(ctx, ids); len(ids) == 1 || !rejected(err) {
		return n, err
	}
	var first error
	for _, id := range ids {
		one, err := s.reopen(ctx, []string{id})
		n += one
		first = cmp.Or(first, err)
		if err != nil && !rejected(err) {
			return n, err
		}
	}
	return n, first
}

// reopen reopens rows in one transaction.
func (s *Syncer) reopen(ctx context.Context, ids []string) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommitTimeout)
	defer cancel()
	err = s.inTx(ctx, lockTimeout, func(tx pgx.Tx) error {
		submitted, failed := s.cfg.Words.Write(task.Submitted), s.cfg.Words.Spellings(task.Failed)
		rows, err := s.queries.GenerationReopenMany(ctx, tx, queries.GenerationReopenManyParams{Submitted: submitted, Ids: ids, FailedWords: failed})
		if n = len(rows); err != nil || n == 0 {
			return err
		}
		members := make([]*member, n)
		reopened := make([]string, n)
		for i, r := range rows {
			members[i] = &member{
				g: task.Generation{ID: r.ID, UserID: r.UserID, Status: task.Failed}, decision: task.Decision{Status: task.Submitted},
			}
			reopened[i] = r.ID
		}
		if err := s.queries.ClipReopenMany(ctx, tx, queries.ClipReopenManyParams{Submitted: submitted, GenerationIds: reopened, FailedWords: failed}); err != nil {
			return err
		}
		return s.writeReopened(ctx, tx, members)
	})
	if err != nil {
		return 0, fmt.Errorf("make failed rows pending again: %w", redactPg(err))
	}
	return n, nil
}

// writeReopened writes the events, memories and effects of rows that were reopened. It
// keeps the record of what tasksync wrote into their clips, so that values that the
// application wrote stay.
func (s *Syncer) writeReopened(ctx context.Context, tx pgx.Tx, members []*member) error {
	byID := make(map[string]*member, len(members))
	var events queries.EventInsertManyParams
	var ends []Ending
	for _, m := range members {
		byID[m.g.ID] = m
		addEvent(&events, ViaRetry, m)
		ends = append(ends, Ending{Generation: m.g, From: m.g.Status, To: m.decision.Status, Via: ViaRetry})
	}
	if err := s.loadMemory(ctx, tx, byID); err != nil {
		return err
	}
	var ms memories
	for id, m := range byID {
		ms.add(id, task.Memory{BeganAt: s.cfg.Now(), Written: m.g.Memory.Written})
	}
	if err := s.queries.EventInsertMany(ctx, tx, events); err != nil {
		return err
	}
	if err := s.writeMemories(ctx, tx, ms); err != nil {
		return err
	}
	return s.apply(ctx, tx, ends)
}

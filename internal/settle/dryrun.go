package settle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/database"
	"tasksync/queries"
	"tasksync/task"
)

// Trial is what a function did with a settlement of the past, before it was rolled
// back.
type Trial struct {
	ID            string
	Round         int
	Outcome, Code string
	Result        string // what the function returned, as text
	SQLState      string // of its error
	Error         string // empty: it succeeded
}

// DryRun calls the function for the settlements since a time, in transactions that are
// rolled back: one for each generation, in which the rounds see what the function
// did with the ones before. What a function does outside of the transaction stays:
// sequences advance.
func (s *Settler) DryRun(ctx context.Context, since time.Time, tell func(Trial)) error {
	p := queries.SettlementListParams{AfterID: firstID, Since: since, MaxRows: retryMost}
	for {
		rows, err := s.queries.SettlementList(ctx, s.cfg.Pool, p)
		if err != nil || len(rows) == 0 {
			return err
		}
		last := rows[len(rows)-1]
		p.AfterID, p.AfterRound = last.GenerationID, last.Round
		for _, of := range byGeneration(rows) {
			if err := s.dryRun(ctx, of, tell); err != nil {
				return err
			}
		}
	}
}

// byGeneration divides rows, which are in the order of their generations.
func byGeneration(rows []queries.SettlementListRow) (all [][]queries.SettlementListRow) {
	for i, r := range rows {
		if i == 0 || rows[i-1].GenerationID != r.GenerationID {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], r)
	}
	return all
}

// dryRun calls the function for the rounds of one generation.
func (s *Settler) dryRun(ctx context.Context, rounds []queries.SettlementListRow, tell func(Trial)) error {
	tx, err := s.cfg.Pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it is meant to be rolled back
	if err := s.queries.TransactionSetLockTimeout(ctx, tx, retryLock); err != nil {
		return err
	}
	if err := s.queries.TransactionSetStatementTimeout(ctx, tx, milliseconds(retryTime)); err != nil {
		return err
	}
	for _, r := range rounds {
		t := Trial{ID: r.GenerationID, Round: int(r.Round), Outcome: r.Outcome, Code: r.Code}
		result, err := s.try(ctx, tx, r)
		if err != nil && database.Code(err) == "" {
			return err
		}
		t.Result = result
		if err != nil {
			t.SQLState, t.Error = database.Code(err), describe(err)
		}
		tell(t)
	}
	return nil
}

// try calls the function in a savepoint and returns its result. Only an error is rolled
// back to the savepoint.
func (s *Settler) try(ctx context.Context, tx pgx.Tx, r queries.SettlementListRow) (string, error) {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return "", err
	}
	rows, err := inner.Query(ctx, s.tryCall, pgx.QueryResultFormats{pgx.TextFormatCode}, []string{r.GenerationID}, []int32{r.Round})
	if err == nil {
		var results []string
		results, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) { return string(row.RawValues()[0]), nil })
		if err == nil {
			_, err = inner.Exec(ctx, checkConstraints)
		}
		if err == nil {
			return cut(task.Redact(strings.Join(results, ", "))), inner.Commit(ctx)
		}
	}
	return "", errors.Join(err, inner.Rollback(ctx))
}

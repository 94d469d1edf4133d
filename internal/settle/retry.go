package settle

import (
	"context"
	"fmt"
	"time"

	"tasksync/internal/database"
	"tasksync/internal/wait"
	"tasksync/queries"
)

const (
	// retryEvery spaces the looks for quarantined settlements that are due.
	retryEvery = 5 * time.Second
	// retryMost bounds the settlements of one look.
	retryMost = 100
	// retryTime is how long one call of a quarantined settlement may take.
	retryTime = 10 * time.Second
	// retryLock is the lock timeout of the rest of the transaction.
	retryLock = "2s"
	// slowMost is how many calls in a row may take too long, or lose their sessions,
	// before the others wait for the next look.
	slowMost = 3
)

// Retried counts what came of calling quarantined settlements again.
type Retried struct{ Settled, Failed int }

// Run calls quarantined settlements again when they are due, until ctx ends.
func (s *Settler) Run(ctx context.Context) error {
	for wait.For(ctx, retryEvery) == nil {
		if err := s.runAll(ctx); err != nil && ctx.Err() == nil && s.told.First("retry", time.Now()) {
			s.cfg.Logger.WarnContext(ctx, "[TaskSync] Quarantined settlements could not be tried again; they are later", "error", database.WithoutDetail(err))
		}
	}
	return nil
}

// runAll calls the settlements that are due, as long as each of them succeeds: many may
// wait after calls took too long.
func (s *Settler) runAll(ctx context.Context) error {
	for {
		if done, err := s.runOnce(ctx); err != nil || done.Settled < retryMost {
			return err
		}
	}
}

// runOnce calls some of the settlements that are due. Their next times are committed first: a
// call that ends its session is not made again at once.
func (s *Settler) runOnce(ctx context.Context) (Retried, error) {
	var done Retried
	due, err := s.queries.SettlementClaimDue(ctx, s.cfg.Pool, retryMost)
	if err != nil {
		return done, fmt.Errorf("claim quarantined settlements: %w", err)
	}
	slow := 0
	for _, d := range due {
		err := s.again(ctx, settlement{id: d.GenerationID, round: d.Round}, &done)
		slow++
		if code := database.Code(err); err == nil || code != "" && code != database.QueryCanceled {
			slow = 0
		}
		if slow == slowMost {
			return done, err
		}
	}
	return done, nil
}

// Retry calls quarantined settlements now, in the order of their rounds: of these
// generations, or all if there are none. After each, Retry calls progress.
func (s *Settler) Retry(ctx context.Context, ids []string, progress func(Retried)) (Retried, error) {
	var done Retried
	p := queries.SettlementListParams{AfterID: firstID, Quarantined: true, Ids: ids, MaxRows: retryMost}
	for {
		rows, err := s.queries.SettlementList(ctx, s.cfg.Pool, p)
		if err != nil || len(rows) == 0 {
			return done, err
		}
		for _, r := range rows {
			p.AfterID, p.AfterRound = r.GenerationID, r.Round
			if err := s.again(ctx, settlement{id: r.GenerationID, round: r.Round, outcome: r.Outcome}, &done); err != nil && database.Code(err) == "" {
				return done, err
			}
			progress(done)
		}
	}
}

// firstID comes before all ids.
const firstID = "00000000-0000-0000-0000-000000000000"

// again calls the function for a quarantined settlement, in a transaction of its own.
// It returns the error of the call, or of the transaction.
func (s *Settler) again(ctx context.Context, r settlement, done *Retried) error {
	ctx, cancel := context.WithTimeout(ctx, 2*retryTime)
	defer cancel()
	tx, err := s.cfg.Pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it has ended, or the connection is lost
	if err := s.queries.TransactionSetLockTimeout(ctx, tx, retryLock); err != nil {
		return err
	}
	locked, err := s.queries.SettlementLock(ctx, tx, queries.SettlementLockParams{GenerationID: r.id, Round: r.round})
	if err != nil || len(locked) == 0 { // it was settled, is in other hands, or waits for an earlier round
		return err
	}
	r.outcome = locked[0]
	if r.err = s.callIn(ctx, tx, []settlement{r}, retryTime); r.err == nil {
		_, err = s.queries.SettlementSettle(ctx, tx, queries.SettlementSettleParams{FunctionName: s.cfg.Function.String(), GenerationID: r.id, Round: r.round})
	} else {
		err = s.queries.SettlementFail(ctx, tx, queries.SettlementFailParams{
			Sqlstate: database.Code(r.err), Error: describe(r.err), GenerationID: r.id, Round: r.round,
		})
	}
	if err == nil {
		err = tx.Commit(ctx)
	}
	switch {
	case err != nil:
		done.Failed++
		return fmt.Errorf("settle again: %w", err)
	case r.err != nil:
		done.Failed++
		s.counter.WithLabelValues(r.outcome, stateQuarantined).Inc()
		return r.err
	}
	done.Settled++
	s.counter.WithLabelValues(r.outcome, stateSettled).Inc()
	return nil
}

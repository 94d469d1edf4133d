package settle

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
	"tasksync/task"
)

// Settlement is a row of tasksync.settlements.
type Settlement struct {
	ID            string // of the generation
	Round         int
	Outcome, Code string
	UserID        string
	State         string
	SettledBy     string // the function; empty: not settled, or settled by hand
	Attempts      int
	SQLState      string // of the last failed call
	Error         string
	NextAt        time.Time // when it is called again; zero: when somebody asks for it
	EndedAt       time.Time
}

// ListRequest says which settlements to list.
type ListRequest struct {
	IDs         []string // of generations; none: all
	Quarantined bool     // only quarantined ones
	Since       time.Time
	Limit       int
}

// List lists settlements in the order of their generations and rounds.
func List(ctx context.Context, pool *pgxpool.Pool, req ListRequest) ([]Settlement, error) {
	rows, err := queries.New().SettlementList(ctx, pool, queries.SettlementListParams{
		AfterID: firstID, Quarantined: req.Quarantined, Since: req.Since, Ids: req.IDs, MaxRows: int32(req.Limit), //nolint:gosec // bounded by the caller
	})
	list := make([]Settlement, len(rows))
	for i, r := range rows {
		list[i] = Settlement{
			ID: r.GenerationID, Round: int(r.Round), Outcome: r.Outcome, Code: r.Code, UserID: r.UserID, State: r.State, SettledBy: r.SettledBy,
			Attempts: int(r.Attempts), SQLState: r.Sqlstate, Error: r.Error, NextAt: r.NextAt, EndedAt: r.CreatedAt,
		}
	}
	return list, err
}

// Done marks a quarantined settlement as settled by hand, without a call. It returns
// an error if there is none.
func Done(ctx context.Context, pool *pgxpool.Pool, id string, round int) error {
	var n int64
	var err error
	if round == int(int32(round)) { //nolint:gosec // the test is for this
		n, err = queries.New().SettlementSettle(ctx, pool, queries.SettlementSettleParams{GenerationID: id, Round: int32(round)}) //nolint:gosec // as tested
	}
	if err == nil && n == 0 {
		return fmt.Errorf("there is no quarantined settlement of %s with round %d; `tasksync settle list` shows them", id, round)
	}
	return err
}

// Backfill opens quarantined settlements for rows whose last end since a time was not
// settled, and returns their number. [Settler.Retry] calls them.
func Backfill(ctx context.Context, pool *pgxpool.Pool, words task.StatusWords, since time.Time) (int, error) {
	n, err := queries.New().SettlementBackfill(ctx, pool, queries.SettlementBackfillParams{
		Since: since, CompleteWords: words.Spellings(task.Complete), FailedWords: words.Spellings(task.Failed),
	})
	return int(n), err
}

package syncer

import (
	"context"

	"github.com/jackc/pgx/v5"

	"tasksync/task"
)

// Ending is what a transaction has just written about the end of a row.
type Ending struct {
	Generation task.Generation // as it was before; of a row that was retried only ID and UserID are set
	// From and To are the statuses before and after. To is complete or failed; or
	// submitted for a row that was retried. They are the same if a late result has
	// changed the clips of a row that had ended, or is kept beside it.
	From, To task.Status
	Code     task.Code // of a row that failed
	Message  string    // of a row that failed: the provider's text
	Via      Via
	Upstream string // the provider's own word for the status; empty: it gave none
}

// Effect writes what follows from the end of rows, in the transaction that ends them,
// so that both are committed or neither is. It is called after the rows, clips and events
// are written. An error ends the transaction like a rejection by the database: then
// each row is tried alone, and the rows whose Effect fails stay as they were. An Effect
// whose own trouble must not keep a row from ending uses a savepoint.
type Effect func(ctx context.Context, tx pgx.Tx, ends []Ending) error

// apply runs the effects of what was written.
func (s *Syncer) apply(ctx context.Context, tx pgx.Tx, ends []Ending) error {
	if len(ends) == 0 {
		return nil
	}
	for _, effect := range s.cfg.Effects {
		if err := effect(ctx, tx, ends); err != nil {
			return err
		}
	}
	return nil
}

// addEnding notes what the decision on m does at the end of its row. Without effects
// nothing is noted.
func (s *Syncer) addEnding(c *changes, via Via, m *member) {
	if len(s.cfg.Effects) == 0 || m.decision.Status.Pending() {
		return
	}
	c.ends = append(c.ends, Ending{
		Generation: m.g, From: m.g.Status, To: m.decision.Status,
		Code: m.decision.ErrorCode, Message: m.decision.ErrorMessage, Via: viaOf(via, m), Upstream: rawStatus(m),
	})
}

package daemon

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/database"
	"tasksync/queries"
)

// Running returns the daemons that work on a database, each by its host and when it was
// started. A daemon that was killed counts for a few seconds more.
func Running(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	list, err := queries.New().WorkerLeaseList(ctx, pool)
	switch {
	case database.Code(err) == database.UndefinedTable: // not migrated that far
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look for running daemons: %w", err)
	}
	return list, nil
}

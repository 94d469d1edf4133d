package database

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
)

// Clock returns the database's clock, by its present difference from this
// machine's: created_at and River's times are the database's, and a deadline must
// not depend on how this machine is set.
func Clock(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) (func() time.Time, error) {
	before := time.Now()
	theirs, err := queries.New().ClockNow(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("read the database's clock: %w", err)
	}
	offset := theirs.Sub(before.Add(time.Since(before) / 2))
	if offset.Abs() > time.Second {
		logger.Warn("[TaskSync] This machine's clock differs from the database's; the database's counts", "difference", offset.Round(time.Millisecond).String())
	}
	return func() time.Time { return time.Now().Add(offset) }, nil
}

package daemon

import (
	"context"

	"tasksync/internal/database"
	"tasksync/syncer"
)

// RetryRequest says which failed generations are put back under way.
type RetryRequest = syncer.RetryRequest

// Retry puts failed generations back under way, with an event each; a running
// daemon then looks at them, and they have a deadline from now on. It asks no
// upstream, so that cfg needs a DatabaseURL only. progress, which may be nil, is
// told how many are done. The database must have its migrations.
func Retry(ctx context.Context, cfg Config, req RetryRequest, progress func(done int)) (int, error) {
	cfg = cfg.WithDefaults()
	pool, err := OpenPool(ctx, cfg.DatabaseURL)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	cfg.NoMigrate = true
	if err := migrate(ctx, cfg, pool); err != nil {
		return 0, err
	}
	now, err := database.Clock(ctx, pool, cfg.Logger)
	if err != nil {
		return 0, err
	}
	s := syncer.New(syncer.Config{Pool: pool, Policy: policy(cfg), Logger: cfg.Logger, Now: now})
	return s.Retry(ctx, req, progress)
}

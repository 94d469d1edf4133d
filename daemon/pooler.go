package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/feed"
)

// sharesSessions reports whether the pool's address leads to a pooler in
// transaction mode, which gives each transaction whatever connection is free. If
// that cannot be found out, it does not: then errors will tell.
func sharesSessions(ctx context.Context, pool *pgxpool.Pool) bool {
	cfg := pool.Config().ConnConfig
	return errors.Is(feed.Probe(ctx, cfg, cfg), feed.ErrDeaf)
}

// unprepared makes a pool anew that prepares no statements on the server, where
// the next transaction might not find them: a pooler does not tell whether it
// keeps them (PgBouncer does from 1.21 on). It still asks the server once for the
// types of each statement. Of the modes that the address can name, only this one
// is replaced, which is also that of an address that names none.
func unprepared(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Pool, error) {
	defer pool.Close()
	cfg := pool.Config()
	if cfg.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	again, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return again, nil
}

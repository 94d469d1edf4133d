package database

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sharesSessions reports whether the pool's address leads to a pooler in
// transaction mode, which gives each transaction whatever connection is free. It
// reports false when that cannot be found out: then later errors will show it.
func sharesSessions(ctx context.Context, pool *pgxpool.Pool) bool {
	cfg := pool.Config().ConnConfig
	return errors.Is(CheckListen(ctx, cfg, cfg), ErrNoListen)
}

// unprepared replaces a pool by one that prepares no statements on the server,
// where the next transaction might not find them: a pooler does not tell whether
// it keeps them (PgBouncer does from 1.21 on). The new pool still asks the server
// once for the types of each statement. Of the modes that an address can name,
// only CacheStatement, which is also the default, is replaced.
func (g *Guard) unprepared(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Pool, error) {
	defer pool.Close()
	cfg := pool.Config()
	if cfg.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return g.open(ctx, cfg)
}

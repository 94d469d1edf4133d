package daemon

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/cdn"
	"tasksync/syncer"
	"tasksync/task"
)

// Result is what a pass came to for one generation.
type Result = syncer.Result

// Sync makes one pass over the generations and ends; it leaves no job behind.
// The database must have its migrations. With an ErrAccount there are results too.
func Sync(ctx context.Context, cfg Config, ids []string) ([]Result, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	pool, err := OpenPool(ctx, cfg.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	cfg.NoMigrate = true
	if err := migrate(ctx, cfg, pool); err != nil {
		return nil, err
	}
	ups, err := openUpstreams(cfg, nil)
	if err != nil {
		return nil, err
	}
	now, err := databaseClock(ctx, pool, cfg.Logger)
	if err != nil {
		return nil, err
	}
	s := newSyncer(cfg, pool, ups, now, nil, nil) // streams hear of it within a second
	results, err := s.Sync(ctx, syncer.Request{IDs: ids, Via: syncer.ViaRequest})
	if err != nil {
		return nil, err
	}
	return results, ups.refused()
}

// OpenPool connects to a database that is there: unlike Run it does not wait
// for it.
func OpenPool(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	pool, err := newPool(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	if err := ping(ctx, pool); err != nil {
		defer pool.Close()
		return nil, unreachable(err, databaseURL)
	}
	if sharesSessions(ctx, pool) {
		return unprepared(ctx, pool)
	}
	return pool, nil
}

func newSyncer(cfg Config, pool *pgxpool.Pool, ups *upstreams, now func() time.Time, reg prometheus.Registerer, committed func()) *syncer.Syncer {
	return syncer.New(syncer.Config{
		Pool: pool, Upstreams: ups.adapters, Prober: cdn.NewProber(cdn.ProberConfig{}),
		Policy: policy(cfg),
		Logger: cfg.Logger, Registerer: reg, Committed: committed, Now: now,
	})
}

func policy(cfg Config) task.Policy {
	return task.Policy{
		Handlers: cfg.Handlers, Timeout: cfg.Timeout, Grace: cfg.Grace, Late: task.LateMode(cfg.Late),
		PollInterval: cfg.PollInterval, ProbeCDN: !cfg.NoCDNProbe,
	}
}

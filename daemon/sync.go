package daemon

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/database"
	"tasksync/syncer"
	"tasksync/task"
	"tasksync/upstream"
)

// Result is what a pass came to for one generation.
type Result = syncer.Result

// Sync makes one pass over the generations and ends; it leaves no job behind.
// The database must have its migrations. With an ErrAccount there are results too.
func Sync(ctx context.Context, cfg Config, ids []string) ([]Result, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
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
	now, err := database.Clock(ctx, pool, cfg.Logger)
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
	if err := database.ValidateURL(databaseURL); err != nil {
		return nil, wrong("DatabaseURL", ": %s", err)
	}
	return database.Connect(ctx, databaseURL)
}

// CheckColumns returns an error that wraps ErrColumns for a database whose
// music_generations or music_clips have columns of types that tasksync cannot work
// with. It works before there are migrations: some would fail half-way on such a
// table.
func CheckColumns(ctx context.Context, pool *pgxpool.Pool) error {
	return database.CheckColumns(ctx, pool, false)
}

func newSyncer(cfg Config, pool *pgxpool.Pool, ups *upstreams, now func() time.Time, reg prometheus.Registerer, committed func()) *syncer.Syncer {
	return syncer.New(syncer.Config{
		Pool: pool, Upstreams: ups.adapters, Prober: upstream.NewProber(upstream.ProberConfig{}),
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

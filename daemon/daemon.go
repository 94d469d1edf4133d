package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tasksync/feed"
	"tasksync/internal/api"
	"tasksync/jobs"
	"tasksync/migrations"
)

// stopTimeout bounds the stop of the jobs. The feed before it, the pool and the
// HTTP server after it have a second each, so that a stop takes 10 s at most.
const stopTimeout = 7 * time.Second

// Run serves until ctx ends and then stops within 10 s; a stop that was asked
// for returns nil. It returns an error that wraps ErrConfig for a Config that
// cannot be run, and ErrSchema for a database that lacks migrations.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return err
	}
	reg := newRegistry(cfg.Version)
	health := newHealth("database", "feed", "jobs")
	server, err := openHTTP(cfg.ListenAddr, reg, health)
	if err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(server.run)
	group.Go(func() error {
		err := serve(groupCtx, cfg, reg, health, server)
		return errors.Join(err, server.close())
	})
	if err := group.Wait(); err != nil && !(errors.Is(err, context.Canceled) && ctx.Err() != nil) {
		return err
	}
	return nil
}

// serve opens what needs the database, runs it, and closes it.
func serve(ctx context.Context, cfg Config, reg prometheus.Registerer, health *health, server *httpServer) error {
	pool, pooled, err := openPool(ctx, cfg, func(reason string) { health.set("database", reason) })
	if err != nil {
		return err
	}
	defer closePool(pool)
	if err := migrate(ctx, cfg, pool); err != nil {
		return err
	}
	health.set("database", "")
	health.check("database", func() string { return pingReason(pool) })
	client, side, err := open(ctx, cfg, pool, pooled, reg, health)
	if err != nil {
		return err
	}
	// Not ctx: its end must not cut running passes short. Stop does, in time.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	health.set("jobs", "")
	server.api.set(side.api)
	feedErr := runFeed(ctx, cfg, pool, client, side, reg, health, server)
	server.api.set(http.HandlerFunc(api.Unavailable))
	health.set("jobs", "stopping")
	cfg.Logger.Info("[TaskSync] Stopping; running passes finish or give their jobs back")
	stopCtx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err = client.Stop(stopCtx)
	if errors.Is(err, context.DeadlineExceeded) { // whoever has their jobs next does them again
		cfg.Logger.Warn("[TaskSync] Stopped with passes under way", "error", err)
		err = nil
	}
	return errors.Join(feedErr, err)
}

// open makes the parts between the database and the feed.
func open(ctx context.Context, cfg Config, pool *pgxpool.Pool, pooled bool, reg prometheus.Registerer, health *health) (*jobs.Client, *httpSide, error) {
	ups, err := openUpstreams(cfg, reg)
	if err != nil {
		return nil, nil, err
	}
	now, err := databaseClock(ctx, pool, cfg.Logger)
	if err != nil {
		return nil, nil, err
	}
	for name, paused := range ups.paused {
		health.check("upstream "+name, paused)
	}
	s := newSyncer(cfg, pool, ups, now, reg)
	reg.MustRegister(newPendingCollector(pool, cfg.Handlers))
	side, err := openHTTPSide(cfg, pool, s, ups.spacing, now, reg)
	if err != nil {
		return nil, nil, err
	}
	client, err := jobs.New(jobs.Config{
		Pool: pool, Syncer: s, Now: now, Handlers: cfg.Handlers, Logger: cfg.Logger, CohortSize: ups.cohort, CohortSizes: ups.cohorts,
		PollOnly: pooled,
	})
	return client, side, err
}

// runFeed hears of new rows, and runs what the HTTP side needs, until ctx ends.
func runFeed(ctx context.Context, cfg Config, pool *pgxpool.Pool, client *jobs.Client, side *httpSide, reg prometheus.Registerer, health *health, server *httpServer) error {
	session, err := directConfig(cfg.ListenURL)
	if err != nil {
		return err
	}
	started := false
	f, err := feed.New(feed.Config{
		Pool: pool, Session: session, To: client, Mode: cfg.Feed, PollInterval: cfg.FeedPollInterval, SlotLimit: cfg.SlotLimit,
		Logger: cfg.Logger, Registerer: reg,
		State: func(reason string) {
			health.set("feed", reason)
			if reason == "" && !started && cfg.Started != nil {
				cfg.Started(server.listener.Addr())
			}
			started = started || reason == ""
		},
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.Run(ctx) })
	group.Go(func() error { return side.run(ctx) })
	return group.Wait()
}

// ErrSchema is wrapped by Run's error when migrations are pending and may not
// be applied.
var ErrSchema = errors.New("the database lacks migrations")

func migrate(ctx context.Context, cfg Config, pool *pgxpool.Pool) error {
	m, err := migrations.Open(pool)
	if err != nil {
		return err
	}
	defer m.Close()
	pending, err := m.Pending(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	switch {
	case !pending:
		return nil
	case cfg.NoMigrate:
		return fmt.Errorf("%w: run `tasksync migrate up`, or start without --no-migrate", ErrSchema)
	}
	applied, err := m.Up(ctx)
	if err != nil {
		return err
	}
	for _, a := range applied {
		cfg.Logger.Info("[TaskSync] Applied migration", "migration", a.Source)
	}
	return nil
}

func pingReason(pool *pgxpool.Pool) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := pool.Ping(ctx); err != nil {
		return "database does not answer: " + redactDSN(err, pool.Config().ConnString())
	}
	return ""
}

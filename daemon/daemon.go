package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"tasksync/feed"
	"tasksync/internal/live"
	"tasksync/jobs"
	"tasksync/migrations"
)

// stopTimeout is how long the parts have for their stop, all of them side by
// side. The pool and the HTTP server, which they use until then, have another
// second, so that a stop takes 10 s at most.
const stopTimeout = 8 * time.Second

// Run serves until ctx ends and then stops within 10 s; a stop that was asked
// for returns nil. It returns an error that wraps ErrConfig for a Config that
// cannot be run, and ErrSchema for a database that lacks migrations.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return err
	}
	reg := newRegistry(cfg)
	defer reg.close()
	if err := reg.failed(); err != nil {
		return err
	}
	health := newHealth("database", "feed", "jobs")
	server, err := openHTTP(cfg, reg, health)
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
func serve(ctx context.Context, cfg Config, reg *registry, health *health, server *httpServer) (err error) {
	pool, pooled, err := openPool(ctx, cfg, func(reason string) { health.set("database", reason) })
	if err != nil {
		return err
	}
	defer func() {
		closed := make(chan error, 1)
		go func() { closed <- server.close() }()
		closePool(pool)
		err = errors.Join(err, <-closed)
	}()
	if err := migrate(ctx, cfg, pool); err != nil {
		return err
	}
	health.set("database", "")
	health.check("database", func() string { return databaseReason(pool) })
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
	return runParts(ctx, cfg, pool, client, side, reg, health, server)
}

// open makes the parts between the database and the feed.
func open(ctx context.Context, cfg Config, pool *pgxpool.Pool, pooled bool, reg *registry, health *health) (*jobs.Client, *httpSide, error) {
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
	announcer := live.NewAnnouncer(pool)
	s := newSyncer(cfg, pool, ups, now, reg, announcer.Announce)
	health.check("upstream answers", func() string { return troubleReason(s.Trouble()) })
	reg.MustRegister(newPendingCollector(pool, cfg))
	side, err := openHTTPSide(cfg, pool, s, announcer, ups.spacing, now, reg)
	if err != nil {
		return nil, nil, err
	}
	client, err := jobs.New(jobs.Config{
		Pool: pool, Syncer: s, Now: now, Handlers: cfg.Handlers, Logger: cfg.Logger, CohortSizes: ups.cohorts,
		PollOnly: pooled,
	})
	return client, side, errors.Join(err, reg.failed())
}

// runParts hears of new rows, works the jobs and runs what the HTTP side needs,
// until ctx ends or one of them fails. Then all of them stop at once: what a feed
// still hands on is a job for the next daemon.
func runParts(ctx context.Context, cfg Config, pool *pgxpool.Pool, client *jobs.Client, side *httpSide, reg *registry, health *health, server *httpServer) error {
	f, err := openFeed(cfg, pool, client, reg, health, server)
	if err != nil {
		return errors.Join(err, stopJobs(ctx, client, cfg.Logger))
	}
	asked := ctx
	group, ctx := errgroup.WithContext(ctx)
	stop, cancel := outlive(ctx, stopTimeout)
	defer cancel()
	group.Go(func() error { return f.Run(ctx) })
	group.Go(func() error { return side.run(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		server.api.set(server.unavailable)
		health.set("jobs", "stopping")
		cfg.Logger.Info("[TaskSync] Stopping; running passes finish or give their jobs back")
		return stopJobs(stop, client, cfg.Logger)
	})
	ended := make(chan error, 1)
	go func() { ended <- group.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-stop.Done(): // what has not been written is looked at again by whoever runs next
		cfg.Logger.Warn("[TaskSync] Stopped with work under way")
		if asked.Err() == nil { // a part has failed
			return context.Cause(ctx)
		}
		return nil
	}
}

// stopJobs stops until ctx ends. Whoever has the jobs of passes that are still
// under way then does them again.
func stopJobs(ctx context.Context, client *jobs.Client, logger *slog.Logger) error {
	err := client.Stop(ctx)
	if err != nil && ctx.Err() != nil {
		logger.Warn("[TaskSync] Stopped with passes under way", "error", err)
		return nil
	}
	return err
}

// outlive gives a context that ends d after ctx, or when it is cancelled.
func outlive(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return longer, cancel
}

// openFeed makes the feed, which tells health and, at first, Config.Started.
func openFeed(cfg Config, pool *pgxpool.Pool, client *jobs.Client, reg *registry, health *health, server *httpServer) (*feed.Feed, error) {
	session, err := directConfig(cfg.ListenURL)
	if err != nil {
		return nil, err
	}
	started := false
	f, err := feed.New(feed.Config{
		Pool: pool, Session: session, Jobs: client, Mode: cfg.Feed, PollInterval: cfg.FeedPollInterval, SlotLimit: cfg.SlotLimit,
		Logger: cfg.Logger, Registerer: reg,
		State: func(reason string) {
			health.set("feed", reason)
			if reason == "" && !started && cfg.Started != nil {
				cfg.Started(server.listener.Addr())
			}
			started = started || reason == ""
		},
	})
	return f, errors.Join(err, reg.failed())
}

func migrate(ctx context.Context, cfg Config, pool *pgxpool.Pool) error {
	if err := checkColumns(ctx, pool, cfg.API.auth(cfg).Enabled()); err != nil {
		return err
	}
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

package daemon

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/internal/database"
	"tasksync/internal/doctor"
	"tasksync/internal/wait"
	"tasksync/syncer"
)

// Result is what a pass came to for one generation.
type Result = syncer.Result

// RetryRequest says which failed generations are put back under way.
type RetryRequest = syncer.RetryRequest

// Sync makes one pass over the generations; it leaves no job behind. The database
// must have its migrations. An error that wraps ErrAccount comes with results.
func Sync(ctx context.Context, cfg Config, ids []string) ([]Result, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	d, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer d.pool.Close()
	if d.upstreams, err = openUpstreams(cfg, nil); err != nil {
		return nil, err
	}
	if err := errors.Join(d.openArchiver(), d.openPauses(ctx), d.openSettler(ctx)); err != nil {
		return nil, err
	}
	d.openLooks()
	d.openRecorder(nil)
	ctx, stop := context.WithCancel(ctx)
	var group errgroup.Group
	group.Go(func() error { return d.runLooks(ctx) })
	defer group.Wait() //nolint:errcheck // its error would be that of a share that ends anyway
	defer stop()
	if err := d.awaitShares(ctx); err != nil {
		return nil, err
	}
	// Without an announcer, the streams of daemons hear of it within a second.
	results, err := syncer.New(d.syncerConfig()).Sync(ctx, syncer.Request{IDs: ids, Via: syncer.ViaRequest})
	if err != nil {
		return nil, err
	}
	return results, d.upstreams.refused()
}

// awaitShares waits until this process may make calls: a busy daemon that shares the
// limit leaves some after a lease and a window.
func (d *daemon) awaitShares(ctx context.Context) error {
	deadline := time.Now().Add(30 * time.Second)
	for _, h := range d.holders {
		for h.Share() == 0 && time.Now().Before(deadline) {
			if err := wait.For(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// Retry puts failed generations back under way, with an event each; a running
// daemon then looks at them, and their deadlines count from now. It calls no
// upstream, so that cfg needs a DatabaseURL only. progress, which may be nil, is
// told how many are done. The database must have its migrations.
func Retry(ctx context.Context, cfg Config, req RetryRequest, progress func(done int)) (int, error) {
	cfg = cfg.WithDefaults()
	if err := errors.Join(cfg.validateWords(), cfg.validateNotify()); err != nil {
		return 0, err
	}
	cfg.Clips = clipsUpdate // no clip is inserted, so that nothing need be said of it
	d, err := connect(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer d.pool.Close()
	s := syncer.New(syncer.Config{
		Pool: d.pool, Policy: d.policy(), Words: cfg.words(), Logger: cfg.Logger, Now: d.now, Effects: d.effects(),
	})
	return s.Retry(ctx, req, progress)
}

// connect opens a database that answers now and has its migrations. The caller
// closes the pool.
func connect(ctx context.Context, cfg Config) (*daemon, error) {
	pool, err := OpenPool(ctx, cfg.DatabaseURL)
	if err != nil {
		return nil, err
	}
	cfg.NoMigrate = true
	d := &daemon{cfg: cfg, pool: pool}
	if err = migrate(ctx, cfg, pool); err == nil {
		d.cfg.traits, err = doctor.ReadTraits(ctx, pool)
	}
	if err == nil {
		err = d.seeAdoption(ctx)
	}
	if err == nil {
		d.now, err = database.Clock(ctx, pool, cfg.Logger)
	}
	if err == nil {
		err = d.openNotifier()
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	return d, nil
}

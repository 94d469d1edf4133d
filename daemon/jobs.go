package daemon

import (
	"context"
	"errors"

	"tasksync/jobs"
)

func (d *daemon) openJobs(context.Context) (err error) {
	var committed func()
	if d.cfg.auth().Enabled() { // else nobody can follow events
		committed = d.announcer.Announce
	}
	cfg := jobs.Config{
		Pool: d.pool, Syncer: d.syncer, Now: d.now, Handlers: d.cfg.Handlers, Logger: d.cfg.Logger,
		CohortSizes: d.upstreams.cohorts, Providers: d.cfg.providerWords(), Words: d.cfg.words(), PollOnly: d.pooled,
		Committed: committed, Sessions: d.sessions, Recorder: d.recorder, HeardBy: d.heardBy, Extras: d.extras(),
	}
	if d.archiver != nil {
		cfg.Archiver = d.archiver
	}
	d.jobs, err = jobs.New(cfg)
	if err := errors.Join(err, d.registry.failed()); err != nil {
		return err
	}
	// The end of ctx must not cut passes short; Stop does that, in time. Grace outlives
	// ctx, and bounds the wait for the database's first answer.
	if err := d.jobs.Start(d.grace); err != nil {
		return err
	}
	d.health.set("jobs", "")
	return nil
}

// heardBy names how this daemon hears of new rows now.
func (d *daemon) heardBy() string {
	if d.feed == nil {
		return "feed"
	}
	return d.feed.Mode()
}

func (d *daemon) sessions() []string {
	if d.direct == d.guard {
		return d.guard.Sessions()
	}
	return append(d.guard.Sessions(), d.direct.Sessions()...)
}

// runJobs waits for a stop, and then until passes have finished or given their
// jobs back. The jobs of passes that are still under way at the end of grace stay
// running in the table; another daemon's River rescues them.
func (d *daemon) runJobs(ctx context.Context) error {
	<-ctx.Done()
	d.health.set("jobs", "stopping")
	d.cfg.Logger.Info("[TaskSync] Stopping; running passes finish or give their jobs back")
	err := d.jobs.Stop(d.grace)
	if d.notifier != nil {
		d.notifier.Close()
	}
	if err != nil && d.grace.Err() != nil {
		d.cfg.Logger.Warn("[TaskSync] Stopped with passes under way", "error", err)
		return nil
	}
	return err
}

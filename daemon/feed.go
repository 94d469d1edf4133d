package daemon

import (
	"context"
	"errors"

	"tasksync/feed"
)

// openFeed makes the feed, which tells health and, the first time that it is up,
// Config.Started.
func (d *daemon) openFeed(context.Context) error {
	session, err := d.direct.DirectConfig(d.cfg.ListenURL)
	if err != nil {
		return err
	}
	started := false
	d.feed, err = feed.New(feed.Config{
		Pool: d.pool, Session: session, Jobs: d.jobs, Mode: d.cfg.Feed, PollInterval: d.cfg.FeedPollInterval, SlotLimit: d.cfg.SlotLimit,
		Logger: d.cfg.Logger, Registerer: d.registry,
		State: func(reason string) {
			d.health.set("feed", reason)
			if reason == "" && !started && d.cfg.Started != nil {
				d.cfg.Started(d.server.listener.Addr())
			}
			started = started || reason == ""
		},
	})
	return errors.Join(err, d.registry.failed())
}

func (d *daemon) runFeed(ctx context.Context) error { return d.feed.Run(ctx) }

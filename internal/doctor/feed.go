package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tasksync/feed"
	"tasksync/feed/wal"
	"tasksync/internal/database"
)

// seeConnections finds out on which connections LISTEN works.
func (d *doctor) seeConnections(ctx context.Context) {
	if dropped := database.Dropped(d.cfg.DatabaseURL); dropped != "" {
		d.say(Good, "DATABASE_URL: parameters of other programs are left out: "+dropped, "")
	}
	hears, err := d.hears(ctx, d.pool.Config().ConnConfig)
	d.pooled = err == nil && !hears
	switch {
	case err != nil:
		d.trouble("DATABASE_URL", err)
	case d.pooled:
		d.say(Good, "DATABASE_URL: a pooler in transaction mode; River polls for jobs", "")
	default:
		d.say(Good, "DATABASE_URL: LISTEN works", "")
	}
	if d.cfg.ListenURL == d.cfg.DatabaseURL {
		if hears {
			d.session = d.pool.Config().ConnConfig
		}
		return
	}
	d.seeListenURL(ctx)
}

func (d *doctor) seeListenURL(ctx context.Context) {
	const what = "TASKSYNC_LISTEN_URL"
	cfg, err := (&database.Guard{}).DirectConfig(d.cfg.ListenURL)
	if err != nil {
		return // the settings say so
	}
	hears, err := d.hears(ctx, cfg)
	switch {
	case err != nil:
		d.trouble(what, err)
	case !hears:
		d.say(Bad, what+": LISTEN does not hear what DATABASE_URL notifies", "give a direct connection, or a pooler in session mode, to the same database")
	default:
		d.session = cfg
		d.say(Good, what+": LISTEN works", "")
	}
}

func (d *doctor) seeTriggers(ctx context.Context) {
	triggers, err := feed.TriggersGet(ctx, d.pool)
	on := triggers.Announce()
	polls := d.cfg.Feed == feed.Poll || (d.cfg.Feed == feed.Auto && d.session == nil)
	switch {
	case err != nil:
		d.trouble("triggers", err)
	case triggers.Quiet() && d.cfg.Feed == feed.Notify:
		d.say(Warning, "triggers: "+triggers.String(), "set TASKSYNC_FEED=auto")
	case triggers.Quiet():
		d.say(Good, "triggers: "+triggers.String(), "")
	case triggers.Enabled && triggers.TwoPhase > 0:
		d.say(Warning, "triggers: "+triggers.String(), "if an application prepares transactions, run `tasksync feed trigger off`")
	case on && polls:
		d.say(Warning, "triggers: every new row is announced without a listener, which slows its writers", "run `tasksync feed trigger off` while rows are polled for")
	case !on && !polls && d.cfg.Feed != feed.WAL:
		d.say(Warning, "triggers: off, so new rows are polled for or swept", "run `tasksync feed trigger on`")
	case !on:
		d.say(Good, "triggers: off", "")
	default:
		d.say(Good, "triggers: on", "")
	}
}

// seeFeed tells how a daemon would hear of rows, and which daemon does so now.
func (d *doctor) seeFeed(ctx context.Context) {
	mode := d.cfg.Feed
	triggers, err := feed.TriggersGet(ctx, d.pool)
	switch {
	case mode == feed.Auto && d.session != nil && err == nil && triggers.Quiet():
		d.seeQuietFeed(ctx)
	case mode == feed.Auto && d.session != nil:
		d.say(Good, "feed: auto chooses notify", "")
	case mode == feed.Auto:
		d.say(Warning, "feed: auto chooses poll", "to hear of rows at once, set TASKSYNC_LISTEN_URL to a direct connection")
	case mode != feed.Poll && d.session == nil:
		d.say(Bad, "feed: "+mode+" needs a session on which LISTEN works", "set TASKSYNC_LISTEN_URL to a direct connection, or TASKSYNC_FEED=poll")
	default:
		d.say(Good, "feed: "+mode, "")
	}
	leaders, err := d.queries.FeedLeaderList(ctx, d.pool)
	if err != nil {
		d.trouble("feed", err)
		return
	}
	for _, l := range leaders {
		d.say(Good, fmt.Sprintf("feed: %s at %s (pid %d) is the feed, last heard of %.1f s ago", l.ApplicationName, l.ClientAddr, l.Pid, l.SilentSeconds), "")
	}
	if len(leaders) > 0 {
		return
	}
	lease, err := d.queries.FeedLeaseGet(ctx, d.pool)
	switch {
	case err == nil && lease.SecondsLeft > 0:
		d.say(Good, "feed: a daemon polls", "")
	case err == nil || errors.Is(err, pgx.ErrNoRows):
		d.say(Warning, "feed: no daemon is the feed at this moment", "start one with `tasksync run`")
	default:
		d.trouble("feed", err)
	}
}

// seeQuietFeed tells how a daemon hears of rows where the triggers must not notify.
func (d *doctor) seeQuietFeed(ctx context.Context) {
	reader, err := wal.New(wal.Config{Pool: d.pool, SlotLimit: d.cfg.SlotLimit})
	if err == nil {
		err = reader.Check(ctx)
	}
	if err == nil {
		err = reader.CheckRole(ctx)
	}
	if err != nil {
		d.say(Good, "feed: auto chooses poll, because the server permits two-phase commits and the WAL cannot be read", "%s", err)
		return
	}
	d.say(Good, "feed: auto chooses wal, because the server permits two-phase commits", "")
}

// seeSlot examines the replication slot, which may be left by a daemon that is gone.
func (d *doctor) seeSlot(ctx context.Context) {
	reader, err := wal.New(wal.Config{Pool: d.pool, SlotLimit: d.cfg.SlotLimit})
	if err != nil {
		d.trouble("slot", err)
		return
	}
	s, err := reader.Status(ctx)
	switch {
	case err != nil:
		d.trouble("slot", err)
	case !s.Present && d.cfg.Feed == feed.WAL:
		d.say(Good, "slot: none yet", "")
	case !s.Present:
		d.say(Good, "slot: none, and none is needed", "")
	case s.RetainedBytes > d.cfg.SlotLimit/2 || (s.WALStatus != "reserved" && s.WALStatus != "extended"):
		d.say(Warning, d.describe(s), "it is dropped at the limit of %d MiB (TASKSYNC_SLOT_LIMIT), and its rows are swept", d.cfg.SlotLimit>>20)
	case s.ActivePID == 0:
		d.say(Warning, d.describe(s), "no daemon reads from it; a running daemon drops it after a while")
	default:
		d.say(Good, d.describe(s), "")
	}
	if d.cfg.Feed != feed.WAL {
		return
	}
	if err := reader.Check(ctx); err != nil {
		d.trouble("wal", err)
		return
	}
	d.say(Good, "wal: the server's settings permit reading it", "")
}

func (d *doctor) describe(s wal.Status) string {
	return fmt.Sprintf("slot: %s holds %.1f MiB of WAL, %s", s.Slot, float64(s.RetainedBytes)/(1<<20), s.WALStatus)
}

// hears reports whether a session at listen hears what is notified through
// DATABASE_URL. It returns an error when one of them cannot be reached.
func (d *doctor) hears(ctx context.Context, listen *pgx.ConnConfig) (bool, error) {
	err := database.CheckListen(ctx, listen, d.pool.Config().ConnConfig)
	if errors.Is(err, database.ErrNoListen) {
		return false, nil
	}
	return err == nil, err
}

package daemon

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/database"
	"tasksync/internal/doctor"
	"tasksync/upstream"
)

// Finding is what Examine says about one thing.
type Finding = doctor.Finding

// Examine examines everything that a daemon with cfg needs, and passes its findings
// to tell, one by one. It changes nothing, and returns an error only when ctx ends.
func Examine(ctx context.Context, cfg Config, tell func(Finding)) error {
	cfg = cfg.WithDefaults()
	err := cfg.Validate()
	if err != nil {
		tell(Finding{Level: doctor.Bad, Check: "settings", What: "settings: " + err.Error(), Err: err})
		if cfg.DatabaseURL == "" || database.ValidateURL(cfg.DatabaseURL) != nil {
			return ctx.Err()
		}
	} else {
		tell(Finding{Level: doctor.Good, Check: "settings", What: "settings: provider " + cfg.Providers[0].Name})
	}
	e := cfg.examination(nil)
	e.Limits = cfg.limits()
	if err == nil {
		e.Accounts = cfg.accounts
	}
	if examined := doctor.Examine(ctx, e, tell); examined != nil {
		return examined
	}
	if err == nil && cfg.ArchiveURL != "" {
		cfg.examineArchive(ctx, tell)
	}
	return ctx.Err()
}

// limits are those of the providers whose adapters can be made.
func (c Config) limits() (limits []doctor.Limit) {
	for _, p := range c.Providers {
		a, err := p.open(c, nil)
		if err != nil {
			continue // the settings say so
		}
		l := doctor.Limit{Provider: p.Name, Requests: a.Limits().Requests, Window: cmp.Or(a.Limits().Window, time.Second)}
		if s, ok := a.(shared); ok {
			l.Credential = s.Credential()
		}
		limits = append(limits, l)
	}
	return limits
}

// CheckDatabase returns an error for a database to which the migrations cannot be
// applied, as Run does before it applies them. What depends on the settings or the role
// of a daemon is not examined. An error about columns wraps ErrColumns.
func CheckDatabase(ctx context.Context, pool *pgxpool.Pool) error {
	cfg := Config{DatabaseURL: pool.Config().ConnString()}.WithDefaults()
	return doctor.Form(ctx, cfg.examination(pool))
}

// examination is what the checks need to know of the daemon.
func (c Config) examination(pool *pgxpool.Pool) doctor.Config {
	return doctor.Config{
		Pool: pool, DatabaseURL: c.DatabaseURL, ListenURL: c.ListenURL, Feed: c.Feed, SlotLimit: c.SlotLimit,
		Timeout: c.Timeout, Handlers: c.Handlers, Users: c.auth().Enabled(), NoRLS: c.NoRLS, Overdue: c.overdue(),
		Providers: c.providerWords(), Words: c.words(), UpdateClips: c.Clips == clipsUpdate, Settle: c.Settle,
		Notify: len(c.NotifyURLs) > 0,
	}
}

// accounts returns the accounts at the providers, as the checks ask them.
func (c Config) accounts() ([]doctor.Account, error) {
	made, err := openUpstreams(c, nil)
	if err != nil {
		return nil, err
	}
	var all []doctor.Account
	for _, p := range c.Providers {
		a := doctor.Account{Name: p.Name, Look: made.all[p.Name].Fetch}
		if crediter, ok := made.all[p.Name].(upstream.Crediter); ok {
			a.Credits = crediter.Credits
		}
		all = append(all, a)
	}
	return all, nil
}

// examineBeside logs what the daemon can live with, once after its start.
func (d *daemon) examineBeside(ctx context.Context) error {
	doctor.Beside(ctx, d.cfg.examination(d.pool), d.cfg.logFinding)
	return nil
}

// logFinding logs what is not good.
func (c Config) logFinding(f Finding) {
	if f.Level != doctor.Good {
		c.Logger.Warn("[TaskSync] Found what may need a hand", "check", f.Check, "finding", f.What, "next", f.NextLine())
	}
}

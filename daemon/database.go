package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/feed"
	"tasksync/internal/database"
	"tasksync/internal/doctor"
	"tasksync/internal/wait"
	"tasksync/migrations"
)

// OpenPool connects to a database that answers now: unlike Run it does not wait
// for the database.
func OpenPool(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	if err := database.ValidateURL(databaseURL); err != nil {
		return nil, wrong("DatabaseURL", ": %s", err)
	}
	return database.Connect(ctx, databaseURL)
}

// Triggers says whether the database announces new rows, and if not, why.
func Triggers(ctx context.Context, pool *pgxpool.Pool) (string, error) {
	triggers, err := feed.TriggersGet(ctx, pool)
	return triggers.String(), err
}

// SetTriggers has the database announce new rows or not. Announcing them costs
// the transactions that insert them, which is wasted when the feed polls.
func SetTriggers(ctx context.Context, pool *pgxpool.Pool, on bool) error {
	return feed.SetTriggers(ctx, pool, on)
}

// ExplainRights adds to an error of the migrations the GRANT that is missing, if one is.
func ExplainRights(ctx context.Context, pool *pgxpool.Pool, err error) error {
	return database.ExplainRights(ctx, pool, err)
}

// watchSessions makes the guards of the sessions. The parts log through them: while
// the database is away, a guard says so for all of them.
func (d *daemon) watchSessions() {
	d.guard = &database.Guard{Logger: d.cfg.Logger}
	d.direct = d.guard
	handler := d.guard.Quiet(d.cfg.Logger.Handler())
	if d.cfg.ListenURL != d.cfg.DatabaseURL {
		d.direct = &database.Guard{Logger: d.cfg.Logger.With("address", "TASKSYNC_LISTEN_URL")}
		handler = d.direct.Quiet(handler)
	}
	d.cfg.Logger = slog.New(handler)
}

func (d *daemon) openDatabase(ctx context.Context) (err error) {
	d.pool, d.pooled, err = database.Open(ctx, database.Config{
		URL: d.cfg.DatabaseURL, Logger: d.cfg.Logger, Guard: d.guard,
		Report: func(reason string) { d.health.set("database", reason) },
	})
	return err
}

// endLeftEvery spaces the looks for sessions that were closed and that the server still has.
const endLeftEvery = 2 * time.Second

// endLeft keeps the daemon within its number of sessions, whatever keeps a server from
// seeing that one was closed.
func (d *daemon) endLeft(ctx context.Context) error {
	for wait.For(ctx, endLeftEvery) == nil {
		err := d.guard.EndLeft(ctx, d.pool)
		if d.direct != d.guard {
			err = errors.Join(err, d.direct.EndLeft(ctx, d.pool))
		}
		if err != nil && ctx.Err() == nil {
			d.cfg.Logger.DebugContext(ctx, "[TaskSync] Closed sessions may be left on the server", "error", err)
		}
	}
	return nil
}

func (d *daemon) closeDatabase(ctx context.Context) error {
	database.Close(ctx, d.pool)
	return nil
}

func (d *daemon) openSchema(ctx context.Context) error {
	if err := migrate(ctx, d.cfg, d.pool); err != nil {
		return err
	}
	if missing, err := database.MissingTables(ctx, d.pool); err == nil && missing != "" {
		return fmt.Errorf("%w: %s", ErrSchema, missing)
	}
	err := doctor.After(ctx, d.cfg.examination(d.pool), d.cfg.logFinding)
	if err != nil {
		return err
	}
	if d.cfg.traits, err = doctor.ReadTraits(ctx, d.pool); err != nil {
		return err
	}
	if err := d.seeAdoption(ctx); err != nil {
		return err
	}
	d.health.set("database", "")
	d.health.check("database", func() string { return d.guard.Check(d.pool) })
	d.health.check("tables", d.standing())
	return nil
}

const (
	// standingEvery is how often the tables are examined while nothing speaks against them.
	standingEvery = 15 * time.Second
	// standingTimeout bounds one examination.
	standingTimeout = 2 * time.Second
)

// standing returns a function that tells whether tables have lost what the daemon needs.
// It examines them when a statement has failed for such a reason, until all is well, and
// otherwise now and then.
func (d *daemon) standing() func() string {
	var bad string
	at := time.Now()
	return func() string {
		if doubted := d.guard.Doubted(); !doubted && bad == "" && time.Since(at) < standingEvery {
			return ""
		}
		ctx, cancel := context.WithTimeout(context.Background(), standingTimeout)
		defer cancel()
		bad, at = doctor.Standing(ctx, d.cfg.examination(d.pool)), time.Now()
		return bad
	}
}

// migrate applies the migrations that the database lacks, or refuses to.
func migrate(ctx context.Context, cfg Config, pool *pgxpool.Pool) error {
	if err := doctor.Before(ctx, cfg.examination(pool), cfg.logFinding); err != nil {
		return err
	}
	m, err := migrations.OpenConfig(pool, migrations.Config{NoRLS: cfg.NoRLS, Warn: func(text string) {
		cfg.Logger.Warn("[TaskSync] A migration has something to say", "migration", text)
	}})
	if err != nil {
		return err
	}
	defer m.Close()
	pending, err := m.Pending(ctx)
	if err != nil {
		return database.ExplainRights(ctx, pool, fmt.Errorf("read the schema's version: %w", err))
	}
	switch {
	case !pending:
		return nil
	case cfg.NoMigrate:
		return fmt.Errorf("%w: run `tasksync migrate up`, or `tasksync run` without --no-migrate", ErrSchema)
	}
	applied, err := m.Up(ctx)
	if err != nil {
		return database.ExplainRights(ctx, pool, err)
	}
	for _, a := range applied {
		cfg.Logger.Info("[TaskSync] Applied migration", "migration", a.Source)
	}
	return nil
}

package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/pauses"
	"tasksync/queries"
	"tasksync/task"
)

// Paused is a provider that no calls are made to, because an operator has said so.
type Paused struct {
	Provider string // empty: all of them
	At       time.Time
	Reason   string
}

// Pause has all daemons of the database make no calls to a provider, or to any (""), from
// two seconds later until [Resume]. No row ends meanwhile but by a result that the
// application writes, and a grace stands still.
func Pause(ctx context.Context, cfg Config, provider, reason string) error {
	return inPool(ctx, cfg, func(pool *pgxpool.Pool) error {
		return queries.New().PauseBegin(ctx, pool, queries.PauseBeginParams{Provider: strings.ToLower(provider), Reason: task.Redact(reason)})
	})
}

// Resume ends the pause of a provider, or all pauses (""). It returns how many have
// ended.
func Resume(ctx context.Context, cfg Config, provider string) (ended int, err error) {
	err = inPool(ctx, cfg, func(pool *pgxpool.Pool) error {
		n, err := queries.New().PauseEnd(ctx, pool, strings.ToLower(provider))
		ended = int(n)
		return err
	})
	return ended, err
}

// Pauses returns the pauses that stand.
func Pauses(ctx context.Context, cfg Config) (list []Paused, err error) {
	err = inPool(ctx, cfg, func(pool *pgxpool.Pool) error {
		rows, err := queries.New().PauseList(ctx, pool)
		for _, r := range rows {
			list = append(list, Paused{r.Provider, r.PausedAt, task.Redact(r.Reason)})
		}
		return err
	})
	return list, err
}

// inPool runs f on the database of cfg.
func inPool(ctx context.Context, cfg Config, f func(*pgxpool.Pool) error) error {
	pool, err := OpenPool(ctx, cfg.DatabaseURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := f(pool); err != nil {
		return schemaError(err)
	}
	return nil
}

// openPauses reads the pauses, before any call is made.
func (d *daemon) openPauses(ctx context.Context) error {
	d.pauses = pauses.New(d.pool, d.cfg.Logger)
	if err := d.pauses.Read(ctx); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	for name, up := range d.upstreams.adapters {
		d.upstreams.adapters[name] = d.pauses.Gate(d.cfg.storyWith(nil).PausedAs(name), up)
	}
	return nil
}

package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/database"
	"tasksync/internal/settle"
)

// Settlement is the end of a row as the application's function was told of it.
type Settlement = settle.Settlement

// SettlementTrial is what a function did with a settlement before it was rolled back.
type SettlementTrial = settle.Trial

// SettlementsRetried counts what came of calling quarantined settlements again.
type SettlementsRetried = settle.Retried

// SettlementRequest says which settlements are listed.
type SettlementRequest = settle.ListRequest

// settleFunction returns the function of Settle; the zero value: there is none.
func (c Config) settleFunction() (settle.Function, error) {
	if c.Settle == "" {
		return settle.Function{}, nil
	}
	f, err := settle.ParseFunction(c.Settle)
	if err != nil {
		return f, wrong("Settle", ": %s", err)
	}
	return f, nil
}

// openSettler makes the settler, if there is a function. It refuses a function that
// cannot be called.
func (d *daemon) openSettler(ctx context.Context) error {
	f, err := d.cfg.settleFunction()
	if err != nil || d.cfg.Settle == "" {
		return err
	}
	if err := settle.Check(ctx, d.pool, f); err != nil {
		return err
	}
	cfg := settle.Config{Pool: d.pool, Function: f, Words: d.cfg.words(), Logger: d.cfg.Logger}
	if d.registry != nil {
		cfg.Registerer = d.registry
		d.registry.MustRegister(settle.NewCollector(d.pool))
	}
	d.settler = settle.New(cfg)
	return nil
}

func (d *daemon) runSettler(ctx context.Context) error {
	if d.settler == nil {
		return nil
	}
	return d.settler.Run(ctx)
}

// ListSettlements lists settlements in the order of generations and rounds.
func ListSettlements(ctx context.Context, cfg Config, req SettlementRequest) (list []Settlement, err error) {
	err = withSettlements(ctx, cfg, func(pool *pgxpool.Pool) error {
		list, err = settle.List(ctx, pool, req)
		return err
	})
	return list, err
}

// RetrySettlements calls cfg.Settle for the quarantined settlements of these
// generations, or of all if there are none. progress is told the counts so far.
func RetrySettlements(ctx context.Context, cfg Config, ids []string, progress func(SettlementsRetried)) (done SettlementsRetried, err error) {
	err = withSettler(ctx, cfg, func(s *settle.Settler) error {
		done, err = s.Retry(ctx, ids, progress)
		return err
	})
	return done, err
}

// TrySettlements calls cfg.Settle for the settlements since a time and rolls back what it
// does.
func TrySettlements(ctx context.Context, cfg Config, since time.Time, tell func(SettlementTrial)) error {
	return withSettler(ctx, cfg, func(s *settle.Settler) error { return s.DryRun(ctx, since, tell) })
}

// SettledByHand marks a quarantined settlement as settled, without a call.
func SettledByHand(ctx context.Context, cfg Config, id string, round int) error {
	return withSettlements(ctx, cfg, func(pool *pgxpool.Pool) error { return settle.Done(ctx, pool, id, round) })
}

// BackfillSettlements opens quarantined settlements for rows whose last end since a time
// was not settled.
func BackfillSettlements(ctx context.Context, cfg Config, since time.Time) (n int, err error) {
	if err := cfg.validateWords(); err != nil {
		return 0, err
	}
	err = withSettlements(ctx, cfg, func(pool *pgxpool.Pool) error {
		n, err = settle.Backfill(ctx, pool, cfg.words(), since)
		return err
	})
	return n, err
}

// withSettler calls f with a settler for cfg.Settle.
func withSettler(ctx context.Context, cfg Config, f func(*settle.Settler) error) error {
	if err := cfg.validateWords(); err != nil {
		return err
	}
	if cfg.Settle == "" {
		return wrong("Settle", "is not set; name the function, like public.settle_generation")
	}
	return withSettlements(ctx, cfg, func(pool *pgxpool.Pool) error {
		d := &daemon{cfg: cfg.WithDefaults(), pool: pool}
		if err := d.openSettler(ctx); err != nil {
			return err
		}
		return f(d.settler)
	})
}

// withSettlements calls f with a pool, and explains a database without the table.
func withSettlements(ctx context.Context, cfg Config, f func(*pgxpool.Pool) error) error {
	pool, err := OpenPool(ctx, cfg.DatabaseURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := f(pool); database.Code(err) == database.UndefinedTable {
		return fmt.Errorf("%w: run `tasksync migrate up`", ErrSchema)
	} else if err != nil {
		return database.WithoutDetail(err)
	}
	return nil
}

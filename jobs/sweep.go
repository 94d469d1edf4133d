package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
	"tasksync/task"
)

const (
	sweepMax = 10_000 // rows that get jobs in one transaction of the sweep
	// sweepGrace is how old a row must be for the sweep; younger ones are the feed's.
	sweepGrace = 5 * time.Second
	// redundantMax bounds how many redundant jobs one sweep cancels.
	redundantMax = 1000
)

// Sweep gives a job to every pending V2 row that no live job follows, and
// cancels jobs that older ones make redundant. Rows younger than grace are left
// to the feed; with 0 none are. Sweep returns the ids that got a job.
func (c *Client) Sweep(ctx context.Context, grace time.Duration) ([]string, error) {
	var swept []string
	for {
		ids, err := c.sweepOnce(ctx, grace)
		swept = append(swept, ids...)
		if err != nil {
			return swept, fmt.Errorf("sweep: %w", err)
		}
		if len(ids) < sweepMax {
			break
		}
	}
	return swept, errors.Join(c.cancelRedundant(ctx), c.tellOddWords(ctx))
}

// sweepOnce finds rows and inserts their jobs in one transaction, under a lock:
// if two sweeps run at the same time, the second one finds the jobs of the
// first.
func (c *Client) sweepOnce(ctx context.Context, grace time.Duration) (ids []string, err error) {
	var told bool
	err = pgx.BeginFunc(ctx, c.cfg.Pool, func(tx pgx.Tx) error {
		if err := c.queries.TransactionLockSweep(ctx, tx); err != nil {
			return err
		}
		now := c.cfg.Now()
		rows, err := c.queries.GenerationListUnfollowed(ctx, tx, queries.GenerationListUnfollowedParams{
			TaskTypes: c.cfg.Handlers.Names(), Providers: c.cfg.Providers.All(), Before: now.Add(-grace), RunningSince: now.Add(-staleAfter), MaxRows: sweepMax,
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		cohorts, newcomers := c.newCohorts(), newcomers{words: c.cfg.Words}
		for _, r := range rows {
			late := c.cfg.Syncer.PastDeadline(r.CreatedAt)
			cohorts.add(cohortRow{cohortKey{c.cfg.Providers.Name(r.Provider), task.Type(r.TaskType), late}, r.ID, r.TaskID, r.CreatedAt})
			if !late { // an old row is no news, and there may be a hundred thousand
				newcomers.add(r.ID, r.UserID, r.Status)
			}
			ids = append(ids, r.ID)
		}
		told, err = c.insertTx(ctx, tx, cohorts, newcomers)
		return err
	})
	if err != nil {
		return nil, err
	}
	if told {
		c.cfg.Committed()
	}
	c.cfg.Recorder.Heard(ids, "sweep", c.cfg.Now())
	return ids, nil
}

// cancelRedundant cancels waiting jobs whose every row an older live job follows.
func (c *Client) cancelRedundant(ctx context.Context) error {
	var redundant []int64
	err := pgx.BeginFunc(ctx, c.cfg.Pool, func(tx pgx.Tx) (err error) {
		if err := c.queries.TransactionLockSweep(ctx, tx); err != nil {
			return err
		}
		redundant, err = c.queries.JobListRedundant(ctx, tx, queries.JobListRedundantParams{
			RunningSince: c.cfg.Now().Add(-staleAfter), MaxRows: redundantMax,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("list redundant jobs: %w", err)
	}
	for _, id := range redundant {
		if _, err := c.river.JobCancel(ctx, id); err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

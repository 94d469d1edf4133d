package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"tasksync/queries"
	"tasksync/task"
)

// HandOn gives generations that were just heard of their sync jobs, in cohorts
// of one task type and provider. Ids that are not those of pending V2 rows of a
// known type and provider are dropped: a notification is only a hint.
func (c *Client) HandOn(ctx context.Context, ids []string) error {
	rows, err := c.queries.GenerationList(ctx, c.cfg.Pool, validIDs(ids))
	if err != nil {
		return fmt.Errorf("load generations to hand on: %w", err)
	}
	cohorts := c.newCohorts()
	for _, r := range rows {
		_, typed := c.cfg.Handlers[task.Type(r.TaskType)]
		_, provided := c.cfg.CohortSizes[r.Provider]
		if typed && provided && task.Status(r.Status).Pending() {
			cohorts.add(kind{r.Provider, task.Type(r.TaskType), c.cfg.Syncer.PastDeadline(r.CreatedAt)}, r.ID)
		}
		if r.TaskType != "" && !(typed && provided) {
			c.leave(r.TaskType, r.Provider)
		}
	}
	if len(cohorts.jobs) == 0 {
		return nil
	}
	if _, err := c.river.InsertManyFast(ctx, cohorts.params()); err != nil {
		return fmt.Errorf("insert sync jobs: %w", err)
	}
	return nil
}

// leave says once of a task type or a provider that its rows are left pending.
func (c *Client) leave(taskType, provider string) {
	if c.left.First(taskType+" at "+provider, c.cfg.Now()) {
		c.cfg.Logger.Warn("[TaskSync] Unknown task type or provider; its rows are left pending", "task_type", task.Redact(taskType), "provider", task.Redact(provider))
	}
}

func validIDs(ids []string) []string {
	valid := make([]string, 0, len(ids))
	for _, id := range ids {
		if task.IsUUID(id) {
			valid = append(valid, id)
		}
	}
	return valid
}

// cohorts groups ids by provider and task type, up to the provider's size in a
// group.
type cohorts struct {
	sizes map[string]int
	jobs  []SyncArgs
	open  map[kind]int // index of the group that still has room
}

// kind is what the members of a cohort have in common.
type kind struct {
	provider string
	taskType task.Type
	backlog  bool
}

func (c *Client) newCohorts() *cohorts {
	return &cohorts{sizes: c.cfg.CohortSizes, open: map[kind]int{}}
}

func (c *cohorts) add(k kind, id string) {
	i, ok := c.open[k]
	if !ok || len(c.jobs[i].IDs) >= c.sizes[k.provider] {
		i = len(c.jobs)
		c.jobs = append(c.jobs, SyncArgs{TaskType: k.taskType, Provider: k.provider, Backlog: k.backlog})
		c.open[k] = i
	}
	c.jobs[i].IDs = append(c.jobs[i].IDs, id)
}

func (c *cohorts) params() []river.InsertManyParams {
	params := make([]river.InsertManyParams, len(c.jobs))
	for i, args := range c.jobs {
		params[i] = river.InsertManyParams{Args: args}
	}
	return params
}

const (
	sweepMax = 10_000 // rows that one transaction of the sweep gives jobs to
	// sweepGrace leaves rows that were just inserted to the feed.
	sweepGrace = 5 * time.Second
	// redundantMax bounds how many doubled jobs one sweep cancels.
	redundantMax = 1000
)

// Sweep gives every pending V2 row that no live job follows a job, and cancels
// jobs that an older one makes superfluous. Rows younger than grace are left to
// the feed; 0 takes all. It returns the ids that got a job.
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
	return swept, c.cancelRedundant(ctx)
}

// sweepOnce finds and inserts in one transaction, under a lock: of two sweeps at
// the same time the second one finds the first one's jobs.
func (c *Client) sweepOnce(ctx context.Context, grace time.Duration) (ids []string, err error) {
	err = pgx.BeginFunc(ctx, c.cfg.Pool, func(tx pgx.Tx) error {
		if err := c.queries.TransactionLockSweep(ctx, tx); err != nil {
			return err
		}
		now := c.cfg.Now()
		rows, err := c.queries.GenerationListUnfollowed(ctx, tx, queries.GenerationListUnfollowedParams{
			TaskTypes: c.types(), Providers: c.providers(), Before: now.Add(-grace), RunningSince: now.Add(-staleAfter), MaxRows: sweepMax,
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		cohorts := c.newCohorts()
		for _, r := range rows {
			cohorts.add(kind{r.Provider, task.Type(r.TaskType), c.cfg.Syncer.PastDeadline(r.CreatedAt)}, r.ID)
			ids = append(ids, r.ID)
		}
		_, err = c.river.InsertManyFastTx(ctx, tx, cohorts.params())
		return err
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

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

func (c *Client) types() []string {
	types := make([]string, 0, len(c.cfg.Handlers))
	for t := range c.cfg.Handlers {
		types = append(types, string(t))
	}
	return types
}

func (c *Client) providers() []string {
	names := make([]string, 0, len(c.cfg.CohortSizes))
	for name := range c.cfg.CohortSizes {
		names = append(names, name)
	}
	return names
}

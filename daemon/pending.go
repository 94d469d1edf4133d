package daemon

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/database"
	"tasksync/internal/story"
	"tasksync/queries"
	"tasksync/task"
)

// Waiting is a row that has not ended.
type Waiting struct {
	ID, TaskID, TaskType, Provider string
	Status                         string // as the application has it, 40 characters at most
	CreatedAt                      time.Time
	SeenAt                         time.Time // by the same clock, the database's
	// NextLook is when the row is looked at next; zero: no look is planned.
	NextLook time.Time
	// Reason is why the row waits, from a closed set: under_way, no_job, overdue,
	// commit_refused, no_task_id, paused, and for rows that no daemon with this Config follows,
	// unknown_type, unknown_provider and status_word.
	Reason string
	Why    string // the same, in words
}

// PendingRequest says which rows Pending lists.
type PendingRequest struct {
	Overdue bool // only rows past their deadline, and those whose results the database rejects
	Ignored bool // only rows that no daemon with this Config follows, or not yet
	Grace   bool // only rows that were asked for past their deadline, without an answer
	Limit   int  // at most so many rows; default 100
}

// Pending lists rows that have not ended, the oldest first, and why each of them
// waits. It calls no upstream, and needs the providers of cfg by their names only.
func Pending(ctx context.Context, cfg Config, req PendingRequest) ([]Waiting, error) {
	cfg = cfg.WithDefaults()
	pool, err := OpenPool(ctx, cfg.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	show, err := cfg.story(ctx, pool)
	if err != nil {
		return nil, schemaError(err)
	}
	return cfg.pending(ctx, pool, show, req)
}

func (c Config) pending(ctx context.Context, pool *pgxpool.Pool, show story.Config, req PendingRequest) ([]Waiting, error) {
	rows, err := queries.New().GenerationListWaiting(ctx, pool, queries.GenerationListWaitingParams{
		MaxRows: int32(cmp.Or(req.Limit, 100)), Ignored: req.Ignored, TaskTypes: c.Handlers.Names(), Providers: c.providerWords().All(), //nolint:gosec // bounded by the caller
		Overdue: req.Overdue, Grace: req.Grace, TimeoutSeconds: c.Timeout.Seconds(), EndedWords: c.words().Spellings(task.Complete, task.Failed),
	})
	switch {
	case database.Code(err) == database.UndefinedTable:
		return nil, schemaError(err)
	case err != nil:
		return nil, fmt.Errorf("list pending rows: %w", database.WithoutDetail(err))
	}
	list := make([]Waiting, 0, len(rows))
	for _, r := range rows {
		if w := c.waiting(show, r); !req.Overdue || w.Reason == "overdue" || w.Reason == "commit_refused" {
			list = append(list, w)
		}
	}
	return list, nil
}

// waiting says why a row waits.
func (c Config) waiting(show story.Config, r queries.GenerationListWaitingRow) Waiting {
	w := Waiting{ID: r.ID, TaskID: r.TaskID, TaskType: r.TaskType, Provider: r.Provider, Status: r.Status, CreatedAt: r.CreatedAt, SeenAt: r.Now}
	if r.JobState != "" {
		w.NextLook = r.ScheduledAt
	}
	began := r.CreatedAt
	if r.BeganAt.After(began) {
		began = r.BeganAt
	}
	w.Reason, w.Why = show.Why(story.Facts{
		Word: r.Status, Type: r.TaskType, Provider: r.Provider, TaskID: r.TaskID, Refused: r.Refused,
		Late: r.Now.Sub(began) > c.Timeout, Asked: r.Reason, Followed: r.JobState != "",
	})
	return w
}

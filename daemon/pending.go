package daemon

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"tasksync/internal/database"
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
	// commit_refused, no_task_id, and for rows that no daemon with this Config follows,
	// unknown_type, unknown_provider and status_word.
	Reason string
	Why    string // the same, in words
}

// PendingRequest says which rows Pending lists.
type PendingRequest struct {
	Overdue bool // only rows past their deadline, and those whose results the database rejects
	Ignored bool // only rows that no daemon with this Config follows, or not yet
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
	p := queries.GenerationListWaitingParams{
		MaxRows: int32(cmp.Or(req.Limit, 100)), Ignored: req.Ignored, TaskTypes: cfg.Handlers.Names(), Providers: cfg.providerWords().All(), //nolint:gosec // bounded by the caller
		Overdue: req.Overdue, TimeoutSeconds: cfg.Timeout.Seconds(), EndedWords: cfg.words().Spellings(task.Complete, task.Failed),
	}
	rows, err := queries.New().GenerationListWaiting(ctx, pool, p)
	switch {
	case database.Code(err) == database.UndefinedTable:
		return nil, fmt.Errorf("%w: run `tasksync migrate up`", ErrSchema)
	case err != nil:
		return nil, fmt.Errorf("list pending rows: %w", database.WithoutDetail(err))
	}
	list := make([]Waiting, 0, len(rows))
	for _, r := range rows {
		if w := cfg.waiting(r); !req.Overdue || w.Reason == "overdue" || w.Reason == "commit_refused" {
			list = append(list, w)
		}
	}
	return list, nil
}

// waiting says why a row waits.
func (c Config) waiting(r queries.GenerationListWaitingRow) Waiting {
	w := Waiting{ID: r.ID, TaskID: r.TaskID, TaskType: r.TaskType, Provider: r.Provider, Status: r.Status, CreatedAt: r.CreatedAt, SeenAt: r.Now}
	if r.JobState != "" {
		w.NextLook = r.ScheduledAt
	}
	_, known := c.Handlers[task.Type(r.TaskType)]
	began := r.CreatedAt
	if r.BeganAt.After(began) {
		began = r.BeganAt
	}
	switch {
	case !c.words().Read(r.Status).Pending():
		w.Reason, w.Why = "status_word", "its status is no word for a pending row or for one that has ended; correct it, or give TASKSYNC_STATUS_WORDS"
	case !known:
		w.Reason, w.Why = "unknown_type", "its task_type is unknown; correct it"
	case !c.providerWords().Known(r.Provider):
		w.Reason, w.Why = "unknown_provider", "its provider is not configured; add it to TASKSYNC_PROVIDERS, or correct the column"
	case r.TaskID == "":
		w.Reason, w.Why = "no_task_id", "it has no task_id yet"
	case r.Refused != "":
		w.Reason, w.Why = "commit_refused", "the database rejects its result: "+r.Refused
	case r.Now.Sub(began) > c.Timeout:
		w.Reason, w.Why = "overdue", "it is past its deadline, and waits for an answer of its provider: "+cmp.Or(r.Reason, "no look has been sent since")
	case r.JobState == "":
		w.Reason, w.Why = "no_job", "no job follows it yet; a running daemon finds it within 30 s"
	default:
		w.Reason, w.Why = "under_way", "its task is under way"
	}
	return w
}

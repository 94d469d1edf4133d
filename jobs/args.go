package jobs

import (
	"github.com/riverqueue/river"

	"tasksync/task"
)

// The queues.
const (
	queueSync = "sync"
	// queueBacklog is for overdue rows. Their calls wait long for the upstream's limit,
	// and must not hold the workers that new rows need.
	queueBacklog     = "backlog"
	queueMaintenance = "maintenance"
)

// SyncArgs is a job that follows a cohort: generations of one task type and
// provider.
type SyncArgs struct {
	TaskType task.Type `json:"task_type"`
	Provider string    `json:"provider,omitempty"` // empty: the default one
	IDs      []string  `json:"ids"`
	// Backlog says that the rows are overdue.
	Backlog bool `json:"backlog,omitempty"`
	// Due is when each member is first due, as in [dueTimes]; empty: at once.
	Due []int64 `json:"due,omitempty"`
}

// Kind implements river.JobArgs.
func (SyncArgs) Kind() string { return "sync" }

// InsertOpts implements river.JobArgsWithInsertOpts. Only passes that could not
// be made at all use up attempts; a row whose job has none left gets a new one
// from the sweep.
func (a SyncArgs) InsertOpts() river.InsertOpts {
	opts := river.InsertOpts{Queue: queueSync, MaxAttempts: 10}
	if a.Backlog {
		opts.Queue = queueBacklog
	}
	if next := (dueTimes{Due: a.Due}).earliest(); !next.IsZero() {
		opts.ScheduledAt = next
	}
	return opts
}

// SweepArgs is one run of the sweep, for a daemon of an older version.
type SweepArgs struct{}

// Kind implements river.JobArgs.
func (SweepArgs) Kind() string { return "sweep" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (SweepArgs) InsertOpts() river.InsertOpts { return maintenanceOpts() }

// ExpireArgs is one run of the work on rows that have ended: it looks for late
// results, and deletes what is past its retention.
type ExpireArgs struct{}

// Kind implements river.JobArgs.
func (ExpireArgs) Kind() string { return "expire" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (ExpireArgs) InsertOpts() river.InsertOpts { return maintenanceOpts() }

// maintenanceOpts gives a maintenance run one attempt: the next run is due
// anyway.
func maintenanceOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queueMaintenance, MaxAttempts: 1}
}

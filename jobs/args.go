package jobs

import (
	"time"

	"github.com/riverqueue/river"

	"tasksync/task"
)

// The queues.
const (
	queueSync = "sync"
	// queueBacklog is for rows past their deadline. Their looks wait long for the
	// upstream's limit, and must not hold the workers that new rows need.
	queueBacklog     = "backlog"
	queueMaintenance = "maintenance"
)

// SyncArgs is a job that follows a cohort of generations of one task type and
// provider.
type SyncArgs struct {
	TaskType task.Type `json:"task_type"`
	Provider string    `json:"provider,omitempty"` // empty: the default one
	IDs      []string  `json:"ids"`
	// Backlog: the rows are past their deadline.
	Backlog bool `json:"backlog,omitempty"`
	// Due is when each member is due at first, as in [schedule]; none: at once.
	Due []int64 `json:"due,omitempty"`
}

// Kind implements river.JobArgs.
func (SyncArgs) Kind() string { return "sync" }

// InsertOpts implements river.JobArgsWithInsertOpts. Attempts are only burnt by
// passes that could not be made at all; a row whose job has used them up is the
// sweep's.
func (a SyncArgs) InsertOpts() river.InsertOpts {
	opts := river.InsertOpts{Queue: queueSync, MaxAttempts: 10}
	if a.Backlog {
		opts.Queue = queueBacklog
	}
	if next := (schedule{a.Due}).earliest(); !next.IsZero() {
		opts.ScheduledAt = next
	}
	return opts
}

// SweepArgs is one run of the sweep.
type SweepArgs struct{}

// Kind implements river.JobArgs.
func (SweepArgs) Kind() string { return "sweep" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (SweepArgs) InsertOpts() river.InsertOpts { return maintenanceOpts() }

// ExpireArgs is one run for what comes after the end of rows: late results, and
// the forgetting of what is past its retention.
type ExpireArgs struct{}

// Kind implements river.JobArgs.
func (ExpireArgs) Kind() string { return "expire" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (ExpireArgs) InsertOpts() river.InsertOpts { return maintenanceOpts() }

// A maintenance run that fails is not tried again: the next one is due anyway.
func maintenanceOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queueMaintenance, MaxAttempts: 1}
}

// schedule is what a sync job remembers between its looks, as River's recorded
// output: when each member is due, in Unix milliseconds, in the order of the
// ids; 0 for one that has ended.
type schedule struct {
	Due []int64 `json:"due"`
}

func (s schedule) notBefore(ids []string) map[string]time.Time {
	if len(s.Due) != len(ids) {
		return nil // the first look
	}
	out := make(map[string]time.Time, len(ids))
	for i, id := range ids {
		if s.Due[i] > 0 {
			out[id] = time.UnixMilli(s.Due[i]).Add(-slack)
		}
	}
	return out
}

// slack lets members that are due at nearly the same time share a look.
const slack = 250 * time.Millisecond

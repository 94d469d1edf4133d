package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"tasksync/looks"
	"tasksync/syncer"
	"tasksync/task"
)

// syncWorker makes one pass over a cohort, and says when the next one is due.
type syncWorker struct {
	river.WorkerDefaults[SyncArgs]
	syncer *syncer.Syncer
	now    func() time.Time
	client *Client
}

// Work implements river.Worker. It completes the job if no member is pending any
// more, and snoozes it until the earliest member is due if one is. Members that
// are overdue move to a job of the backlog. Work fails only if the pass could
// not be made, for example without a database.
func (w *syncWorker) Work(ctx context.Context, job *river.Job[SyncArgs]) error {
	before, first := recorded(job)
	notBefore := before.notBefore(job.Args.IDs)
	results, err := w.syncer.Sync(ctx, syncer.Request{
		IDs: job.Args.IDs, First: first, NotBefore: notBefore, Tracks: before.tracks(job.Args.IDs), Lane: job.Args.lane(), LeaveOverdue: !job.Args.Backlog, LeaveTwins: true,
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return river.JobSnooze(0) // stopping: another daemon may take the job at once
	case err != nil:
		return err
	}
	after := w.plan(job.Args.IDs, results, notBefore, ctx.Err() != nil)
	next := after.earliest()
	if next.IsZero() {
		return nil
	}
	if rest, overdue := split(job.Args, results, after); len(overdue.IDs) > 0 {
		return w.client.replace(ctx, job, rest, overdue)
	}
	if err := river.RecordOutput(ctx, after); err != nil {
		return fmt.Errorf("record due times: %w", err)
	}
	return river.JobSnooze(max(0, next.Sub(w.now())))
}

// split separates the overdue members from the others that are still pending.
func split(args SyncArgs, results []syncer.Result, after dueTimes) (rest, overdue SyncArgs) {
	isOverdue := make(map[string]bool, len(results))
	for _, r := range results {
		isOverdue[r.ID] = r.Reason == syncer.ReasonOverdue
	}
	rest, overdue = args.withoutMembers(), args.withoutMembers()
	overdue.Backlog = true
	for i, id := range args.IDs {
		to := &rest
		if isOverdue[strings.ToLower(id)] {
			to = &overdue
		}
		if after.Due[i] > 0 {
			to.IDs, to.Due = append(to.IDs, id), append(to.Due, after.Due[i])
		}
	}
	return rest, overdue
}

// lane returns the lane of the job's calls; 0: the syncer's choice. Old rows that were put back under
// way have a deadline to come, but still queue behind the others: there may be
// thousands.
func (a SyncArgs) lane() task.Lane {
	if a.Backlog {
		return task.LaneBacklog
	}
	return 0
}

// withoutMembers returns the same job without members.
func (a SyncArgs) withoutMembers() SyncArgs {
	a.IDs, a.Due = nil, nil
	return a
}

// replace completes job and inserts the jobs next that have members, all in one
// transaction.
func (c *Client) replace(ctx context.Context, job *river.Job[SyncArgs], next ...SyncArgs) error {
	var params []river.InsertManyParams
	for _, args := range next {
		if len(args.IDs) > 0 {
			params = append(params, river.InsertManyParams{Args: args})
		}
	}
	return pgx.BeginFunc(context.WithoutCancel(ctx), c.cfg.Pool, func(tx pgx.Tx) error {
		if _, err := c.river.InsertManyTx(ctx, tx, params); err != nil {
			return fmt.Errorf("separate overdue rows from the others: %w", err)
		}
		if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
			return fmt.Errorf("complete the job of both: %w", err)
		}
		return nil
	})
}

// recorded returns what the job remembers, and whether this is its first look.
// If the memory cannot be read, every member is due.
func recorded(job *river.Job[SyncArgs]) (d dueTimes, first bool) {
	output := job.Output()
	switch {
	case output == nil && len(job.Args.Due) > 0:
		return dueTimes{Due: job.Args.Due}, false
	case output == nil:
		return dueTimes{}, true
	}
	if err := json.Unmarshal(output, &d); err != nil {
		return dueTimes{}, false
	}
	return d, false
}

// plan returns when each member is due. A member that was not due keeps its
// time. When the daemon is stopping, a member that was due and not answered is
// due at once, for the daemon that takes the job next.
func (w *syncWorker) plan(ids []string, results []syncer.Result, notBefore map[string]time.Time, stopping bool) dueTimes {
	next, tracks := make(map[string]int64, len(results)), make(map[string]looks.Track, len(results))
	for _, r := range results {
		tracks[r.ID] = r.Track
		at := r.Next
		if stopping && !at.IsZero() && r.Unanswered() {
			at = w.now()
		}
		if r.Reason == syncer.ReasonNotDue && at.Equal(notBefore[r.ID]) {
			at = at.Add(slack)
		}
		if !at.IsZero() {
			next[r.ID] = at.UnixMilli()
		}
	}
	d := dueTimes{Due: make([]int64, len(ids)), Tracks: make([]looks.Track, len(ids))}
	for i, id := range ids {
		d.Due[i], d.Tracks[i] = next[id], tracks[strings.ToLower(id)]
	}
	return d
}

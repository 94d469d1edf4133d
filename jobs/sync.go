package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"tasksync/syncer"
)

// syncWorker makes one pass over a cohort and says when it must be made again.
type syncWorker struct {
	river.WorkerDefaults[SyncArgs]
	syncer *syncer.Syncer
	now    func() time.Time
}

// Work implements river.Worker. It completes the job when no member is pending
// any more, and snoozes it until the earliest member is due otherwise. It fails
// only when the pass could not be made, for example without a database.
func (w *syncWorker) Work(ctx context.Context, job *river.Job[SyncArgs]) error {
	before, first := recorded(job.JobRow)
	notBefore := before.notBefore(job.Args.IDs)
	results, err := w.syncer.Sync(ctx, syncer.Request{IDs: job.Args.IDs, First: first, NotBefore: notBefore})
	switch {
	case err != nil && ctx.Err() != nil:
		return river.JobSnooze(0) // stopping: somebody else may have it at once
	case err != nil:
		return err
	}
	after := w.plan(job.Args.IDs, results, notBefore, ctx.Err() != nil)
	next := after.earliest()
	if next.IsZero() {
		return nil
	}
	if err := river.RecordOutput(ctx, after); err != nil {
		return fmt.Errorf("record schedule: %w", err)
	}
	return river.JobSnooze(max(0, next.Sub(w.now())))
}

// recorded reads what the job remembers. A memory that cannot be read is none:
// then everybody is due.
func recorded(row *rivertype.JobRow) (s schedule, first bool) {
	output := row.Output()
	if output == nil {
		return schedule{}, true
	}
	if err := json.Unmarshal(output, &s); err != nil {
		return schedule{}, false
	}
	return s, false
}

// plan enters each member's next look. One that was not due keeps its time. When
// the daemon is stopping, a member that was due and not answered is due at once,
// for whoever has the job next.
func (w *syncWorker) plan(ids []string, results []syncer.Result, notBefore map[string]time.Time, stopping bool) schedule {
	next := make(map[string]int64, len(results))
	for _, r := range results {
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
	s := schedule{Due: make([]int64, len(ids))}
	for i, id := range ids {
		s.Due[i] = next[id]
	}
	return s
}

func (s schedule) earliest() time.Time {
	var first int64
	for _, at := range s.Due {
		if at > 0 && (first == 0 || at < first) {
			first = at
		}
	}
	if first == 0 {
		return time.Time{}
	}
	return time.UnixMilli(first)
}

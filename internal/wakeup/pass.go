package wakeup

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"tasksync/internal/database"

	"tasksync/queries"
	"tasksync/syncer"
	"tasksync/task"
)

const (
	// groupSize is how many tasks share a pass.
	groupSize = 100
	// maxTries is how many looks a task gets while the upstream does not answer.
	maxTries = 3
	// lookupTimeout bounds the search for the rows of a group.
	lookupTimeout = 10 * time.Second
)

// group is the tasks of one pass, all of the same providers.
type group struct {
	providers string
	tries     map[string]int // by task id: the looks so far that had no answer
}

// sync makes a pass over the pending rows of a group.
func (q *Queue) sync(ctx context.Context, g group) {
	ids, taskOf, err := q.pendingRows(ctx, g)
	if err != nil {
		q.retry(g.providers, g.tries)
		q.cfg.Logger.Warn("[TaskSync] Rows of webhooks cannot be read; their jobs follow them", "tasks", len(g.tries), "error", database.WithoutDetail(err))
		return
	}
	known := map[string]bool{}
	for _, taskID := range taskOf {
		known[taskID] = true
	}
	q.forget(g, known)
	q.tasks.WithLabelValues("unknown").Add(float64(len(g.tries) - len(known)))
	if len(ids) == 0 {
		return
	}
	results, err := q.cfg.Syncer.Sync(ctx, syncer.Request{IDs: ids, Via: syncer.ViaWebhook, Lane: task.LaneHint})
	if err != nil {
		q.retry(g.providers, g.tries)
		q.cfg.Logger.Warn("[TaskSync] The pass of webhooks failed; jobs follow their rows", "rows", len(ids), "error", database.WithoutDetail(err))
		return
	}
	unanswered := map[string]int{}
	for _, r := range results {
		if taskID := taskOf[r.ID]; r.Unanswered() {
			unanswered[taskID] = g.tries[taskID]
		}
	}
	q.tasks.WithLabelValues("unanswered").Add(float64(len(unanswered)))
	q.tasks.WithLabelValues("looked_at").Add(float64(len(known) - len(unanswered)))
	q.retry(g.providers, unanswered)
}

// pendingRows finds the pending rows of a group, and the task of each row.
func (q *Queue) pendingRows(ctx context.Context, g group) (ids []string, taskOf map[string]string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	taskIDs := slices.DeleteFunc(slices.Collect(maps.Keys(g.tries)), func(id string) bool {
		return id == "" || strings.ContainsRune(id, 0) // no text in Postgres holds a NUL
	})
	rows, err := q.queries.GenerationListPendingByTask(ctx, q.cfg.Pool, queries.GenerationListPendingByTaskParams{
		TaskIds: taskIDs, Providers: strings.Split(g.providers, "\x00"), MaxRows: 10 * groupSize,
	})
	taskOf = make(map[string]string, len(rows))
	for _, r := range rows {
		ids = append(ids, r.ID)
		taskOf[r.ID] = r.TaskID
	}
	return ids, taskOf, err
}

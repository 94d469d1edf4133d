package wakeup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tasksync/queries"
	"tasksync/syncer"
)

const (
	// maxTasks bounds how many tasks wait to be looked at because of webhooks.
	// The jobs look at all others in their time.
	maxTasks = 20_000
	// groupSize is how many tasks of one provider share a pass.
	groupSize = 100
	// maxPasses is how many passes are under way at once.
	maxPasses = 4
	// maxTries is how often a task is asked for that the upstream did not
	// answer; then it is its job's again.
	maxTries = 3
	// lookupTimeout bounds the search for the rows of a cohort.
	lookupTimeout = 10 * time.Second
)

// wakeups are the tasks that webhooks have named and that nobody has looked at
// since. A task is there once, however often it is named; one that was looked at
// a moment ago waits for the spacing to be over, so that neither a storm nor a
// provider that repeats itself costs a request each time. None is dropped by
// that: the last call for a task is always followed by a look.
type Queue struct {
	pool    *pgxpool.Pool
	queries *queries.Queries
	syncer  Syncer
	logger  *slog.Logger
	tasks   *prometheus.CounterVec // by result
	spacing time.Duration
	now     func() time.Time

	mu     sync.Mutex
	due    map[wakeup]wakeupState
	looked map[wakeup]time.Time // of the last spacing
	wake   chan struct{}
}

// wakeup is a task at a provider.
type wakeup struct {
	providers string // the names that its rows may have, joined
	taskID    string
}

// wakeupState is when it is to be looked at, and how often it was in vain.
type wakeupState struct {
	at    time.Time
	tries int
}

// New makes a Queue.
func New(cfg Config) *Queue {
	cfg = cfg.withDefaults()
	return &Queue{
		pool: cfg.Pool, queries: queries.New(), syncer: cfg.Syncer, logger: cfg.Logger, tasks: newCounter(cfg.Registerer),
		spacing: cfg.Spacing, now: cfg.Now,
		due: map[wakeup]wakeupState{}, looked: map[wakeup]time.Time{}, wake: make(chan struct{}, 1),
	}
}

// add notes tasks; it reports whether there was room for all.
func (q *Queue) Add(providers, tasks []string) bool {
	key := strings.Join(providers, "\x00")
	q.mu.Lock()
	defer q.mu.Unlock()
	room := true
	for _, t := range tasks {
		k := wakeup{key, t}
		if _, there := q.due[k]; there {
			continue
		}
		if len(q.due) >= maxTasks {
			room = false
			continue
		}
		at := q.now()
		if last, ok := q.looked[k]; ok {
			at = last.Add(q.spacing)
		}
		q.due[k] = wakeupState{at: at}
	}
	q.nudge()
	return room
}

func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run works until ctx ends, and waits for the passes that are under way then.
func (q *Queue) Run(ctx context.Context) error {
	var passes errgroup.Group
	passes.SetLimit(maxPasses)
	defer passes.Wait() //nolint:errcheck // no pass returns an error
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-q.wake:
		case <-timer.C:
		}
		for cohort := q.take(); len(cohort.tasks) > 0 && ctx.Err() == nil; cohort = q.take() {
			passes.Go(func() error { q.pass(ctx, cohort); return nil })
		}
		timer.Reset(q.next())
	}
}

// cohort is what one pass is made for.
type cohort struct {
	providers string
	tasks     map[string]int // by id: tries so far
}

// take gives tasks of one provider whose time has come, and forgets whatever was
// looked at long ago.
func (q *Queue) take() cohort {
	now := q.now()
	q.mu.Lock()
	defer q.mu.Unlock()
	c := cohort{tasks: map[string]int{}}
	for k, s := range q.due {
		if s.at.After(now) || len(c.tasks) > 0 && k.providers != c.providers {
			continue
		}
		c.providers = k.providers
		c.tasks[k.taskID] = s.tries
		q.looked[k] = now
		delete(q.due, k)
		if len(c.tasks) == groupSize {
			break
		}
	}
	for k, at := range q.looked {
		if now.Sub(at) > q.spacing {
			delete(q.looked, k)
		}
	}
	return c
}

// next is how long it takes until something is due.
func (q *Queue) next() time.Duration {
	now := q.now()
	q.mu.Lock()
	defer q.mu.Unlock()
	wait := time.Minute
	for _, s := range q.due {
		wait = min(wait, s.at.Sub(now))
	}
	return max(wait, 0)
}

// pass looks at the pending rows of a cohort's tasks.
func (q *Queue) pass(ctx context.Context, c cohort) {
	ids, taskOf, err := q.rows(ctx, c)
	if err != nil {
		q.again(c, c.tasks)
		q.logger.Warn("[TaskSync] Rows of webhooks cannot be read; their jobs follow them", "tasks", len(c.tasks), "error", withoutDetail(err))
		return
	}
	known := map[string]bool{}
	for _, t := range taskOf {
		known[t] = true
	}
	q.forget(c, known)
	q.tasks.WithLabelValues("unknown").Add(float64(len(c.tasks) - len(known)))
	if len(ids) == 0 {
		return
	}
	results, err := q.syncer.Sync(ctx, syncer.Request{IDs: ids, Via: syncer.ViaWebhook})
	if err != nil {
		q.again(c, c.tasks)
		q.logger.Warn("[TaskSync] The pass of webhooks failed; jobs follow their rows", "rows", len(ids), "error", withoutDetail(err))
		return
	}
	unanswered := map[string]int{}
	for _, r := range results {
		if t := taskOf[r.ID]; r.Unanswered() {
			unanswered[t] = c.tasks[t]
		}
	}
	q.tasks.WithLabelValues("unanswered").Add(float64(len(unanswered)))
	q.tasks.WithLabelValues("looked_at").Add(float64(len(known) - len(unanswered)))
	q.again(c, unanswered)
}

// forget remembers nothing of the tasks that are not known: there is no end of them.
func (q *Queue) forget(c cohort, known map[string]bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for t := range c.tasks {
		if !known[t] {
			delete(q.looked, wakeup{c.providers, t})
		}
	}
}

// rows finds the pending rows of a cohort's tasks.
func (q *Queue) rows(ctx context.Context, c cohort) (ids []string, taskOf map[string]string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	tasks := make([]string, 0, len(c.tasks))
	for t := range c.tasks {
		if t != "" && !strings.ContainsRune(t, 0) { // Postgres has no such text
			tasks = append(tasks, t)
		}
	}
	rows, err := q.queries.GenerationListPendingByTask(ctx, q.pool, queries.GenerationListPendingByTaskParams{
		TaskIds: tasks, Providers: strings.Split(c.providers, "\x00"), MaxRows: 10 * groupSize,
	})
	taskOf = make(map[string]string, len(rows))
	for _, r := range rows {
		ids = append(ids, r.ID)
		taskOf[r.ID] = r.TaskID
	}
	return ids, taskOf, err
}

// again puts tasks back that nothing was learned of, unless it was so often that
// they are better left to their jobs.
func (q *Queue) again(c cohort, tasks map[string]int) {
	at := q.now().Add(q.spacing)
	q.mu.Lock()
	defer q.mu.Unlock()
	for t, tries := range tasks {
		k := wakeup{c.providers, t}
		if _, there := q.due[k]; !there && tries+1 < maxTries {
			q.due[k] = wakeupState{at: at, tries: tries + 1}
		}
	}
	q.nudge()
}

// withoutDetail drops what Postgres says of a row's contents.
func withoutDetail(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	return fmt.Errorf("%s (SQLSTATE %s)", pg.Message, pg.Code)
}

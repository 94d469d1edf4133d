package api

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
	"tasksync/syncer"
)

const (
	// maxWakeups bounds how many tasks wait to be looked at because of webhooks.
	// The jobs look at all others in their time.
	maxWakeups = 20_000
	// wakeupCohort is how many tasks of one provider share a pass.
	wakeupCohort = 100
	// wakeupPasses is how many passes are under way at once.
	wakeupPasses = 4
	// wakeupTries is how often a task is asked for that the upstream did not
	// answer; then it is its job's again.
	wakeupTries = 3
	// lookupTimeout bounds the search for the rows of a cohort.
	lookupTimeout = 10 * time.Second
)

// wakeups are the tasks that webhooks have named and that nobody has looked at
// since. A task is there once, however often it is named; one that was looked at
// a moment ago waits for the spacing to be over, so that neither a storm nor a
// provider that repeats itself costs a request each time. None is dropped by
// that: the last call for a task is always followed by a look.
type wakeups struct {
	pool    *pgxpool.Pool
	queries *queries.Queries
	syncer  Syncer
	logger  *slog.Logger
	metrics *metrics
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

func newWakeups(cfg Config, m *metrics) *wakeups {
	return &wakeups{
		pool: cfg.Pool, queries: queries.New(), syncer: cfg.Syncer, logger: cfg.Logger, metrics: m,
		spacing: cfg.WebhookSpacing, now: cfg.Now,
		due: map[wakeup]wakeupState{}, looked: map[wakeup]time.Time{}, wake: make(chan struct{}, 1),
	}
}

// add notes tasks; it reports whether there was room for all.
func (w *wakeups) add(providers, tasks []string) bool {
	key := strings.Join(providers, "\x00")
	w.mu.Lock()
	defer w.mu.Unlock()
	room := true
	for _, t := range tasks {
		k := wakeup{key, t}
		if _, there := w.due[k]; there {
			continue
		}
		if len(w.due) >= maxWakeups {
			room = false
			continue
		}
		at := w.now()
		if last, ok := w.looked[k]; ok {
			at = last.Add(w.spacing)
		}
		w.due[k] = wakeupState{at: at}
	}
	w.nudge()
	return room
}

func (w *wakeups) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run works until ctx ends, and waits for the passes that are under way then.
func (w *wakeups) run(ctx context.Context) {
	var passes errgroup.Group
	passes.SetLimit(wakeupPasses)
	defer passes.Wait() //nolint:errcheck // no pass returns an error
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-timer.C:
		}
		for cohort := w.take(); len(cohort.tasks) > 0 && ctx.Err() == nil; cohort = w.take() {
			passes.Go(func() error { w.pass(ctx, cohort); return nil })
		}
		timer.Reset(w.next())
	}
}

// cohort is what one pass is made for.
type cohort struct {
	providers string
	tasks     map[string]int // by id: tries so far
}

// take gives tasks of one provider whose time has come, and forgets whatever was
// looked at long ago.
func (w *wakeups) take() cohort {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	c := cohort{tasks: map[string]int{}}
	for k, s := range w.due {
		if s.at.After(now) || len(c.tasks) > 0 && k.providers != c.providers {
			continue
		}
		c.providers = k.providers
		c.tasks[k.taskID] = s.tries
		w.looked[k] = now
		delete(w.due, k)
		if len(c.tasks) == wakeupCohort {
			break
		}
	}
	for k, at := range w.looked {
		if now.Sub(at) > w.spacing {
			delete(w.looked, k)
		}
	}
	return c
}

// next is how long it takes until something is due.
func (w *wakeups) next() time.Duration {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	wait := time.Minute
	for _, s := range w.due {
		wait = min(wait, s.at.Sub(now))
	}
	return max(wait, 0)
}

// pass looks at the pending rows of a cohort's tasks.
func (w *wakeups) pass(ctx context.Context, c cohort) {
	ids, taskOf, err := w.rows(ctx, c)
	if err != nil {
		w.again(c, c.tasks)
		w.logger.Warn("[TaskSync] Rows of webhooks cannot be read; their jobs follow them", "tasks", len(c.tasks), "error", withoutDetail(err))
		return
	}
	known := map[string]bool{}
	for _, t := range taskOf {
		known[t] = true
	}
	w.forget(c, known)
	w.metrics.wakeups.WithLabelValues("unknown").Add(float64(len(c.tasks) - len(known)))
	if len(ids) == 0 {
		return
	}
	results, err := w.syncer.Sync(ctx, syncer.Request{IDs: ids, Via: syncer.ViaWebhook})
	if err != nil {
		w.again(c, c.tasks)
		w.logger.Warn("[TaskSync] The pass of webhooks failed; jobs follow their rows", "rows", len(ids), "error", withoutDetail(err))
		return
	}
	unanswered := map[string]int{}
	for _, r := range results {
		if t := taskOf[r.ID]; r.Unanswered() {
			unanswered[t] = c.tasks[t]
		}
	}
	w.metrics.wakeups.WithLabelValues("unanswered").Add(float64(len(unanswered)))
	w.metrics.wakeups.WithLabelValues("looked_at").Add(float64(len(known) - len(unanswered)))
	w.again(c, unanswered)
}

// forget remembers nothing of the tasks that are not known: there is no end of them.
func (w *wakeups) forget(c cohort, known map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for t := range c.tasks {
		if !known[t] {
			delete(w.looked, wakeup{c.providers, t})
		}
	}
}

// rows finds the pending rows of a cohort's tasks.
func (w *wakeups) rows(ctx context.Context, c cohort) (ids []string, taskOf map[string]string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	tasks := make([]string, 0, len(c.tasks))
	for t := range c.tasks {
		tasks = append(tasks, t)
	}
	rows, err := w.queries.GenerationListPendingByTask(ctx, w.pool, queries.GenerationListPendingByTaskParams{
		TaskIds: storable(tasks), Providers: strings.Split(c.providers, "\x00"), MaxRows: 10 * wakeupCohort,
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
func (w *wakeups) again(c cohort, tasks map[string]int) {
	at := w.now().Add(w.spacing)
	w.mu.Lock()
	defer w.mu.Unlock()
	for t, tries := range tasks {
		k := wakeup{c.providers, t}
		if _, there := w.due[k]; !there && tries+1 < wakeupTries {
			w.due[k] = wakeupState{at: at, tries: tries + 1}
		}
	}
	w.nudge()
}

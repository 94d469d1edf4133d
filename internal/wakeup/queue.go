package wakeup

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tasksync/internal/recent"
	"tasksync/queries"
)

const (
	// maxTasks bounds how many tasks wait for a look. The jobs look at all others in
	// their time.
	maxTasks = 20_000
	// maxPasses is how many passes are under way at once.
	maxPasses = 4
)

// Queue holds the tasks that webhooks have named and that still need a look. A task
// stands in it once, however often webhooks name it. It is safe for concurrent use.
type Queue struct {
	cfg     Config
	queries *queries.Queries
	tasks   *prometheus.CounterVec // by result
	wake    chan struct{}          // holds one signal at most

	mu     sync.Mutex
	due    map[named]dueLook
	looked recent.Map[time.Time] // when the latest look at a task began
}

// named is a task that a webhook has named.
type named struct {
	providers string // the names that the rows of the task may have, joined
	taskID    string
}

// key is different for different tasks.
func (n named) key() string { return strconv.Quote(n.taskID) + n.providers }

// dueLook is when a look is due, and how many looks before it had no answer.
type dueLook struct {
	at    time.Time
	tries int
}

// New makes a Queue.
func New(cfg Config) *Queue {
	cfg = cfg.withDefaults()
	return &Queue{
		cfg: cfg, queries: queries.New(), tasks: newCounter(cfg.Registerer), wake: make(chan struct{}, 1),
		due: map[named]dueLook{}, looked: recent.Map[time.Time]{Size: maxTasks, Span: cfg.Spacing},
	}
}

// Add enters tasks whose rows have one of the providers in column provider ("" is
// NULL), and reports whether there was room for all of them. It does not wait for
// the database.
func (q *Queue) Add(providers, taskIDs []string) (room bool) {
	joined := strings.Join(providers, "\x00")
	q.mu.Lock()
	defer q.mu.Unlock()
	room = true
	for _, id := range taskIDs {
		n := named{joined, id}
		if _, ok := q.due[n]; ok {
			continue
		}
		if len(q.due) >= maxTasks {
			room = false
			continue
		}
		at := q.cfg.Now()
		if last, ok := q.looked.Get(n.key()); ok {
			at = last.Add(q.cfg.Spacing)
		}
		q.due[n] = dueLook{at: at}
	}
	q.signal()
	return room
}

// signal makes Run look for due tasks.
func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Run makes the passes until ctx ends, waits for those under way, and returns nil.
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
		for g := q.take(); len(g.tries) > 0 && ctx.Err() == nil; g = q.take() {
			passes.Go(func() error { q.sync(ctx, g); return nil })
		}
		timer.Reset(q.untilNext())
	}
}

// take removes due tasks of the same providers, as many as one pass takes.
func (q *Queue) take() group {
	now := q.cfg.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	g := group{tries: map[string]int{}}
	for n, look := range q.due {
		if look.at.After(now) || len(g.tries) > 0 && n.providers != g.providers {
			continue
		}
		g.providers = n.providers
		g.tries[n.taskID] = look.tries
		q.looked.Put(n.key(), now, now)
		delete(q.due, n)
		if len(g.tries) == groupSize {
			break
		}
	}
	return g
}

// untilNext is the time until a look is due, a minute at most.
func (q *Queue) untilNext() time.Duration {
	now := q.cfg.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	wait := time.Minute
	for _, look := range q.due {
		wait = min(wait, look.at.Sub(now))
	}
	return max(wait, 0)
}

// retry enters tasks again whose look had no answer. After maxTries they are left
// to their jobs.
func (q *Queue) retry(providers string, tries map[string]int) {
	at := q.cfg.Now().Add(q.cfg.Spacing)
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, tried := range tries {
		n := named{providers, id}
		if _, ok := q.due[n]; !ok && tried+1 < maxTries {
			q.due[n] = dueLook{at: at, tries: tried + 1}
		}
	}
	q.signal()
}

// forget drops the look at tasks that no pending row has: webhooks can make up such
// tasks without end, and their rows may come a moment later.
func (q *Queue) forget(g group, known map[string]bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id := range g.tries {
		if !known[id] {
			q.looked.Delete(named{g.providers, id}.key())
		}
	}
}

package daemon

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/queries"
	"tasksync/task"
	"tasksync/upstream"
)

// pendingCollector counts pending rows when it is scraped.
type pendingCollector struct {
	pool    *pgxpool.Pool
	cfg     Config
	queries *queries.Queries
	pending *prometheus.Desc
	oldest  *prometheus.Desc
	overdue *prometheus.Desc
	ignored *prometheus.Desc

	mu       sync.Mutex
	last     []prometheus.Metric
	at       time.Time     // of last
	counting chan struct{} // closed when the count under way has ended; nil: there is none
}

// Counting takes a second where there are hundreds of thousands of rows, and a scrape
// must not: counts that are younger than countsFor hold, and a scrape waits countWait
// for new ones. Then it shows the last ones, unless they are older than staleCounts.
const (
	countsFor   = time.Second
	countWait   = 25 * time.Millisecond
	staleCounts = time.Minute
)

func newPendingCollector(pool *pgxpool.Pool, cfg Config) *pendingCollector {
	return &pendingCollector{
		pool: pool, cfg: cfg, queries: queries.New(),
		pending: prometheus.NewDesc("tasksync_pending_generations", "Pending rows by task type.", []string{"task_type"}, nil),
		oldest:  prometheus.NewDesc("tasksync_oldest_pending_age_seconds", "Age of the oldest pending row by task type.", []string{"task_type"}, nil),
		overdue: prometheus.NewDesc("tasksync_overdue_generations", "Pending rows past their deadline, by the reason why they have not ended.", []string{"reason"}, nil),
		ignored: prometheus.NewDesc("tasksync_ignored_generations", "Rows that no look is made at, by reason: status_word (a status that means neither a pending row nor one that has ended), unknown_type, unknown_provider, no_task_id.", []string{"reason"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *pendingCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.pending
	ch <- c.oldest
	ch <- c.overdue
	ch <- c.ignored
}

// Collect implements prometheus.Collector. Without a database it sends nothing, so
// that the other metrics can still be scraped.
func (c *pendingCollector) Collect(ch chan<- prometheus.Metric) {
	for _, m := range c.metrics() {
		ch <- m
	}
}

// metrics returns the last counts, or new ones.
func (c *pendingCollector) metrics() []prometheus.Metric {
	c.mu.Lock()
	if time.Since(c.at) >= countsFor && c.counting == nil {
		c.counting = make(chan struct{})
		go c.count(c.counting)
	}
	counting, stale := c.counting, time.Since(c.at) >= staleCounts
	c.mu.Unlock()
	var soon <-chan time.Time // never
	if !stale {
		soon = time.After(countWait)
	}
	if counting != nil {
		select {
		case <-counting:
		case <-soon:
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// count counts, and closes ended.
func (c *pendingCollector) count(ended chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ch, counted := make(chan prometheus.Metric), make(chan []prometheus.Metric)
	go func() {
		var all []prometheus.Metric
		for m := range ch {
			all = append(all, m)
		}
		counted <- all
	}()
	c.collectPending(ctx, ch)
	c.collectOverdue(ctx, ch)
	c.collectOddWords(ctx, ch)
	close(ch)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.at, c.counting = <-counted, time.Now(), nil
	close(ended)
}

func (c *pendingCollector) collectPending(ctx context.Context, ch chan<- prometheus.Metric) {
	rows, err := c.queries.GenerationPendingStats(ctx, c.pool, c.cfg.providerWords().All())
	if err != nil {
		return
	}
	pending, oldest, ignored := map[string]float64{}, map[string]float64{}, map[string]float64{"unknown_type": 0}
	for t := range c.cfg.Handlers {
		pending[string(t)], oldest[string(t)] = 0, 0
	}
	for _, r := range rows {
		label := r.TaskType
		if _, known := c.cfg.Handlers[task.Type(label)]; !known {
			label = "unknown"
			ignored["unknown_type"] += float64(r.Pending)
		}
		ignored["unknown_provider"] += float64(r.UnknownProvider)
		ignored["no_task_id"] += float64(r.NoTaskID)
		pending[label] += float64(r.Pending)
		oldest[label] = max(oldest[label], r.OldestSeconds)
	}
	for label := range pending {
		ch <- prometheus.MustNewConstMetric(c.pending, prometheus.GaugeValue, pending[label], label)
		ch <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, oldest[label], label)
	}
	for _, reason := range []string{"unknown_type", "unknown_provider", "no_task_id"} {
		ch <- prometheus.MustNewConstMetric(c.ignored, prometheus.GaugeValue, ignored[reason], reason)
	}
}

// Labels of overdue rows beside the reasons of failures.
const (
	overdueBacklog     = "backlog"        // not looked at yet
	overdueRefused     = "commit_refused" // the database rejects the results
	overdueUnconfirmed = "unconfirmed"    // the verdict is provisional
	overdueOther       = "other"
)

// overdueLabels is the closed set of labels; another reason is "other".
var overdueLabels = []string{ //nolint:gochecknoglobals // a constant table
	overdueBacklog, overdueRefused, overdueUnconfirmed, overdueOther,
	task.ReasonNotReported, task.ReasonKnowsNone, task.ReasonNoCall, task.ReasonPaused,
	upstream.ReasonTimeout, upstream.ReasonNetwork, upstream.ReasonHTTP4xx, upstream.ReasonHTTP5xx, upstream.ReasonBadBody,
	upstream.ReasonTooLarge, upstream.ReasonRateLimited, upstream.ReasonUnauthorized, upstream.ReasonAccountPaused,
}

func (c *pendingCollector) collectOverdue(ctx context.Context, ch chan<- prometheus.Metric) {
	rows, err := c.queries.MemoryOverdueStats(ctx, c.pool, c.cfg.overdue())
	if err != nil {
		return
	}
	counts := map[string]float64{overdueBacklog: 0, overdueRefused: 0}
	for _, r := range rows {
		label := r.Reason
		if !slices.Contains(overdueLabels, label) {
			label = overdueOther
		}
		counts[label] += float64(r.Overdue)
	}
	for label, n := range counts {
		ch <- prometheus.MustNewConstMetric(c.overdue, prometheus.GaugeValue, n, label)
	}
}

// collectOddWords counts rows whose status waits for somebody who corrects it.
func (c *pendingCollector) collectOddWords(ctx context.Context, ch chan<- prometheus.Metric) {
	words, err := c.queries.GenerationListOddWords(ctx, c.pool, c.cfg.words().Spellings(task.Complete, task.Failed))
	if err != nil {
		return
	}
	var odd int64
	for _, w := range words {
		odd += w.Found
	}
	ch <- prometheus.MustNewConstMetric(c.ignored, prometheus.GaugeValue, float64(odd), "status_word")
}

// overdue is the query for the rows that a daemon with this Config follows and that
// are past their deadline.
func (c Config) overdue() queries.MemoryOverdueStatsParams {
	return queries.MemoryOverdueStatsParams{Before: time.Now().Add(-c.Timeout), TaskTypes: c.Handlers.Names(), Providers: c.providerWords().All()}
}

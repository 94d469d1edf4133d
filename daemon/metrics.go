package daemon

import (
	"context"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tasksync/queries"
	"tasksync/task"
)

func newRegistry(version string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tasksync_build_info", Help: "Always 1; the labels tell what runs.",
	}, []string{"version", "go_version"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	reg.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// pendingCollector counts pending rows when it is scraped.
type pendingCollector struct {
	pool     *pgxpool.Pool
	handlers task.Handlers
	queries  *queries.Queries
	pending  *prometheus.Desc
	oldest   *prometheus.Desc
}

func newPendingCollector(pool *pgxpool.Pool, handlers task.Handlers) *pendingCollector {
	return &pendingCollector{
		pool: pool, handlers: handlers, queries: queries.New(),
		pending: prometheus.NewDesc("tasksync_pending_generations", "Pending V2 generations by task type.", []string{"task_type"}, nil),
		oldest:  prometheus.NewDesc("tasksync_oldest_pending_age_seconds", "Age of the oldest pending V2 generation by task type.", []string{"task_type"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *pendingCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.pending
	ch <- c.oldest
}

// Collect implements prometheus.Collector. Without a database it gives nothing,
// so that the other metrics can still be scraped.
func (c *pendingCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	rows, err := c.queries.GenerationPendingStats(ctx, c.pool)
	if err != nil {
		return
	}
	pending, oldest := map[string]float64{}, map[string]float64{}
	for t := range c.handlers {
		pending[string(t)], oldest[string(t)] = 0, 0
	}
	for _, r := range rows {
		label := r.TaskType
		if _, known := c.handlers[task.Type(label)]; !known {
			label = "unknown"
		}
		pending[label] += float64(r.Pending)
		oldest[label] = max(oldest[label], r.OldestSeconds)
	}
	for label := range pending {
		ch <- prometheus.MustNewConstMetric(c.pending, prometheus.GaugeValue, pending[label], label)
		ch <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, oldest[label], label)
	}
}

package settle

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/queries"
	"tasksync/task"
)

// The states of a settlement, in the table and in metrics.
const (
	stateSettled     = "settled"
	stateQuarantined = "quarantined"
)

func newCounter(reg prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tasksync_settlements_total",
		Help: "Settlements of rows that ended, by outcome and by the state after a call. One whose transaction was rolled back is counted again.",
	}, []string{"outcome", "state"})
	for _, outcome := range []task.Status{task.Complete, task.Failed} {
		for _, state := range []string{stateSettled, stateQuarantined} {
			c.WithLabelValues(string(outcome), state)
		}
	}
	if reg != nil {
		reg.MustRegister(c)
	}
	return c
}

// Collector counts the quarantined settlements when it is scraped.
type Collector struct {
	pool        *pgxpool.Pool
	quarantined *prometheus.Desc
}

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector makes a Collector.
func NewCollector(pool *pgxpool.Pool) *Collector {
	return &Collector{pool: pool, quarantined: prometheus.NewDesc("tasksync_settlements_quarantined", "Settlements that wait for the application's function to succeed.", nil, nil)}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) { ch <- c.quarantined }

// Collect implements prometheus.Collector. Without a database it sends nothing.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if n, err := queries.New().SettlementQuarantinedCount(ctx, c.pool); err == nil {
		ch <- prometheus.MustNewConstMetric(c.quarantined, prometheus.GaugeValue, float64(n))
	}
}

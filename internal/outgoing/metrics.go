package outgoing

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Results beside the states that a notification ends in.
const (
	resultFailed    = "failed"    // it is sent again
	resultUnwritten = "unwritten" // it could not be written, and is lost
)

type metrics struct{ deliveries *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tasksync_notify_deliveries_total",
		Help: "Attempts to deliver a notification, by result: delivered, failed (it is sent again), dead (it is not), unwritten (it could not be written).",
	}, []string{"result"})}
	for _, result := range []string{delivered, resultFailed, dead, resultUnwritten} {
		m.deliveries.WithLabelValues(result)
	}
	if reg != nil {
		reg.MustRegister(m.deliveries)
	}
	return m
}

// collector counts notifications when it is scraped.
type collector struct {
	notifier              *Notifier
	pending, oldest, dead *prometheus.Desc
}

func newCollector(n *Notifier) *collector {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &collector{
		notifier: n,
		pending:  desc("tasksync_notify_pending", "Notifications that have not been delivered yet."),
		oldest:   desc("tasksync_notify_oldest_pending_age_seconds", "Age of the oldest notification that has not been delivered yet."),
		dead:     desc("tasksync_notify_dead", "Notifications that are not sent any more, until they are replayed or 30 days old."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.pending
	ch <- c.oldest
	ch <- c.dead
}

// Collect implements prometheus.Collector. Without a database it sends nothing, so that
// the other metrics can still be scraped.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	s, err := c.notifier.queries.NotificationStats(ctx, c.notifier.cfg.Pool)
	if err != nil {
		return
	}
	for desc, v := range map[*prometheus.Desc]float64{c.pending: float64(s.Pending), c.oldest: s.OldestSeconds, c.dead: float64(s.Dead)} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v)
	}
}

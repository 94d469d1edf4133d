package live

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	subscribers prometheus.Gauge
	delivered   prometheus.Counter
	dropped     *prometheus.CounterVec
	steps       prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg) // nil: they are registered nowhere
	m := &metrics{
		subscribers: auto.NewGauge(prometheus.GaugeOpts{
			Name: "tasksync_event_subscribers", Help: "Clients that follow the events.",
		}),
		delivered: auto.NewCounter(prometheus.CounterOpts{
			Name: "tasksync_events_delivered_total", Help: "Events handed to subscribers, one for each subscriber of the event's user.",
		}),
		dropped: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "tasksync_event_subscribers_dropped_total", Help: "Subscribers whose stream tasksync ended, by reason.",
		}, []string{"reason"}),
		steps: auto.NewHistogram(prometheus.HistogramOpts{
			Name: "tasksync_event_step_duration_seconds", Help: "Time to read new events and hand them to the subscribers.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 12),
		}),
	}
	for _, reason := range []string{reasonSlow, reasonClosing} {
		m.dropped.WithLabelValues(reason)
	}
	return m
}

// Values of label reason.
const (
	reasonSlow    = "slow"
	reasonClosing = "closing"
)

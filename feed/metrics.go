package feed

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Values of metric tasksync_feed_state.
const (
	stateFollowing = "following" // another daemon is the feed
	stateListening = "listening"
	stateReading   = "reading"
	statePolling   = "polling"
)

type metrics struct {
	notifications prometheus.Counter
	read          prometheus.Counter
	terminated    prometheus.Counter
	up            prometheus.Gauge
	leader        prometheus.Gauge
	modes         *prometheus.GaugeVec
	now           atomic.Value // the mode, a string
	states        *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		notifications: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tasksync_notifications_total", Help: "Notifications of new rows that were received.",
		}),
		read: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tasksync_feed_rows_read_total", Help: "New rows that the feed found by reading the table.",
		}),
		terminated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tasksync_feed_sessions_ended_total", Help: "Sessions of other daemons that were ended because they hung.",
		}),
		up: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tasksync_feed_up", Help: "1 while new rows are heard of at once, by this or another daemon; 0 while only the sweep finds them.",
		}),
		leader: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tasksync_feed_leader", Help: "1 in the daemon whose session is the feed.",
		}),
		modes: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tasksync_feed_mode", Help: "1 for the way in which new rows are heard of.",
		}, []string{"mode"}),
		states: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tasksync_feed_state", Help: "1 for what the feed of this daemon is doing.",
		}, []string{"state"}),
	}
	reg.MustRegister(m.notifications, m.read, m.terminated, m.up, m.leader, m.modes, m.states)
	m.mode("", "")
	return m
}

// mode sets how rows are heard of, and what this feed does for it. "" stands for
// none.
func (m *metrics) mode(mode, state string) {
	m.now.Store(mode)
	for _, name := range []string{Notify, WAL, Poll} {
		m.modes.WithLabelValues(name).Set(oneIf(name == mode))
	}
	for _, name := range []string{stateFollowing, stateListening, stateReading, statePolling} {
		m.states.WithLabelValues(name).Set(oneIf(name == state))
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

package syncer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	passes   prometheus.Counter
	results  *prometheus.CounterVec
	commit   prometheus.Histogram
	first    prometheus.Histogram
	rejected prometheus.Counter
	late     *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		passes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tasksync_passes_total", Help: "Passes over a cohort of rows.",
		}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tasksync_results_total", Help: "Results of passes, one per row, by task type and outcome.",
		}, []string{"task_type", "outcome"}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tasksync_commit_duration_seconds", Help: "Time to commit what a pass changed.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 13),
		}),
		first: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tasksync_first_look_delay_seconds", Help: "Time from created_at of a row to the first look at it.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 14),
		}),
	}
	m.rejected = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tasksync_commits_refused_total", Help: "Commits of one row's results that the database rejected; the row stays pending.",
	})
	m.late = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tasksync_late_results_total", Help: "Results that came after their rows had ended: kept beside the row, completing it, or the final audio for a preview.",
	}, []string{"effect"})
	if reg != nil {
		reg.MustRegister(m.passes, m.results, m.commit, m.first, m.rejected, m.late)
	}
	return m
}

func (m *metrics) commitTimer() *prometheus.Timer { return prometheus.NewTimer(m.commit) }

// firstLook observes how long the members waited for their first look.
func (m *metrics) firstLook(now time.Time, members []*member) {
	for _, x := range members {
		m.first.Observe(max(0, now.Sub(x.g.CreatedAt)).Seconds())
	}
}

// countResults counts the results of a pass by task type and outcome.
func (s *Syncer) countResults(members map[string]*member, results map[string]Result) {
	for id, r := range results {
		label := "unknown"
		if m, ok := members[id]; ok {
			if _, known := s.cfg.Policy.Handlers[m.g.Type]; known {
				label = string(m.g.Type)
			}
		}
		s.metrics.results.WithLabelValues(label, string(r.Outcome)).Inc()
	}
}

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
	delay    *prometheus.HistogramVec
	looks    prometheus.Histogram
	surplus  prometheus.Counter
	finished *prometheus.CounterVec
	lasted   *prometheus.HistogramVec
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
	m.surplus = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tasksync_clips_without_placeholder_total", Help: "Results that had no placeholder, with TASKSYNC_CLIPS=update; they are kept in tasksync.late_results.",
	})
	m.addEnds()
	m.addFinished()
	if reg != nil {
		reg.MustRegister(m.passes, m.results, m.commit, m.first, m.rejected, m.late, m.delay, m.looks, m.surplus, m.finished, m.lasted)
	}
	return m
}

// addEnds makes the metrics of the ends that passes find.
func (m *metrics) addEnds() {
	m.delay = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tasksync_detection_delay_seconds",
		Help: "Estimated time from the end of a task to the commit of its results, by what caused the look that found the end. " +
			"The end is taken to lie in the middle between the last look that found the task under way (or the beginning of the generation, if none did) and the look that found the end; " +
			"for a webhook, at the beginning of its look. Generations past their deadline are left out.",
		Buckets: prometheus.ExponentialBuckets(0.1, 2, 12),
	}, []string{"via"})
	for _, via := range []Via{ViaPoll, ViaWebhook, ViaRequest} {
		m.delay.WithLabelValues(string(via))
	}
	m.looks = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "tasksync_generation_looks",
		Help:    "Answered looks at a generation's task, from its beginning to the one that found its end. Generations past their deadline are left out.",
		Buckets: []float64{1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50},
	})
}

// ended counts a generation whose end a pass has written.
func (m *metrics) ended(via Via, looks int, delay time.Duration) {
	m.delay.WithLabelValues(string(via)).Observe(max(0, delay).Seconds())
	m.looks.Observe(float64(looks))
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
		label := labelUnknown
		if m, ok := members[id]; ok {
			label = s.typeLabel(m.g.Type)
		}
		s.metrics.results.WithLabelValues(label, string(r.Outcome)).Inc()
	}
}

package syncer

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/queries"
	"tasksync/task"
)

type metrics struct {
	passes  prometheus.Counter
	results *prometheus.CounterVec
	commit  prometheus.Histogram
	first   prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		passes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tasksync_passes_total", Help: "Passes over a cohort of generations.",
		}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tasksync_results_total", Help: "Results of passes, one per generation, by task type and outcome.",
		}, []string{"task_type", "outcome"}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tasksync_commit_duration_seconds", Help: "Time to commit what a pass changed.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 13),
		}),
		first: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tasksync_first_look_delay_seconds", Help: "Time from created_at of a generation to the first look at its task.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 14),
		}),
	}
	if reg != nil {
		reg.MustRegister(m.passes, m.results, m.commit, m.first)
	}
	return m
}

func (m *metrics) commitTimer() *prometheus.Timer { return prometheus.NewTimer(m.commit) }

func (m *metrics) firstLook(now time.Time, members []*member) {
	for _, x := range members {
		m.first.Observe(max(0, now.Sub(x.g.CreatedAt)).Seconds())
	}
}

// account counts the results of a pass.
func (s *Syncer) account(members map[string]*member, results map[string]Result) {
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

// seenTypes remembers which unknown task types were logged.
type seenTypes struct {
	mu   sync.Mutex
	seen map[task.Type]bool
}

// maxUnknownTypes bounds what rows can make us remember and log.
const maxUnknownTypes = 100

// noteUnknown says once of each task type that nobody handles it.
func (s *Syncer) noteUnknown(g task.Generation) {
	if _, known := s.cfg.Policy.Handlers[g.Type]; known || g.Type == "" || !g.Status.Pending() {
		return
	}
	s.unknown.mu.Lock()
	defer s.unknown.mu.Unlock()
	if s.unknown.seen[g.Type] || len(s.unknown.seen) >= maxUnknownTypes {
		return
	}
	if s.unknown.seen == nil {
		s.unknown.seen = make(map[task.Type]bool)
	}
	s.unknown.seen[g.Type] = true
	s.cfg.Logger.Warn("[TaskSync] Unknown task type; its rows are left pending", attrs(g)...)
}

// types are the task types that are handled.
func (s *Syncer) types() []string {
	types := make([]string, 0, len(s.cfg.Policy.Handlers))
	for t := range s.cfg.Policy.Handlers {
		types = append(types, string(t))
	}
	return types
}

func overdueParams(types []string, before time.Time) queries.GenerationListOverdueParams {
	return queries.GenerationListOverdueParams{TaskTypes: types, Before: before, MaxRows: expireMax}
}

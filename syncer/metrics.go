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

// seenNames remembers which unknown names were logged.
type seenNames struct {
	mu   sync.Mutex
	seen map[string]bool
}

// maxUnknownNames bounds what rows can make us remember and log.
const maxUnknownNames = 100

// first tells of each name once that it is new.
func (n *seenNames) first(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[name] || len(n.seen) >= maxUnknownNames {
		return false
	}
	if n.seen == nil {
		n.seen = make(map[string]bool)
	}
	n.seen[name] = true
	return true
}

// noteUnknown says once of each task type that nobody handles it, and of each
// provider that it is not configured.
func (s *Syncer) noteUnknown(g task.Generation) {
	if g.Type == "" || !g.Status.Pending() {
		return
	}
	if _, known := s.cfg.Policy.Handlers[g.Type]; !known && s.unknown.first("type "+string(g.Type)) {
		s.cfg.Logger.Warn("[TaskSync] Unknown task type; its rows are left pending", attrs(g)...)
	}
	if s.sources[g.Provider] == nil && s.unknown.first("provider "+g.Provider) {
		s.cfg.Logger.Warn("[TaskSync] Unknown provider; its rows are left pending until TASKSYNC_PROVIDERS names it", append(attrs(g), "provider", task.Redact(g.Provider))...)
	}
}

// overdue asks for the rows of known types and providers that were created
// before a time.
func (s *Syncer) overdue(before time.Time) queries.GenerationListOverdueParams {
	p := queries.GenerationListOverdueParams{Before: before, MaxRows: expireMax}
	for t := range s.cfg.Policy.Handlers {
		p.TaskTypes = append(p.TaskTypes, string(t))
	}
	for name := range s.sources {
		p.Providers = append(p.Providers, name)
	}
	return p
}

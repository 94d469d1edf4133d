package syncer

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/task"
)

// Values of labels beside the names that are configured.
const (
	labelUnknown = "unknown"
	labelNone    = "none"
	labelOther   = "other"
)

const finishedHelp = "Rows that ended, each end once, by task type, provider, outcome (complete, failed) and error code (none: complete). " +
	"A row that is retried, or completed by a late result, ends again."

// addFinished makes the metrics of rows that have ended.
func (m *metrics) addFinished() {
	m.finished = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tasksync_finished_generations_total",
		Help: finishedHelp,
	}, []string{"task_type", "provider", "outcome", "code"})
	m.lasted = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "tasksync_generation_duration_seconds",
		Help:    "Time from created_at of a row, or from its last retry, to the commit of its end, by task type and outcome.",
		Buckets: []float64{1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1800, 3600, 14400},
	}, []string{"task_type", "outcome"})
}

// countEnd counts the end of a row, after it was committed. The labels are closed: types
// and providers are those that are configured, and codes those of package task.
func (s *Syncer) countEnd(m *member) {
	status := m.decision.Status
	if status == m.g.Status || !status.Terminal() {
		return
	}
	taskType, code := s.typeLabel(m.g.Type), labelNone
	if status == task.Failed {
		code = codeLabel(m.decision.ErrorCode)
	}
	s.metrics.finished.WithLabelValues(taskType, s.providerLabel(m.g.Provider), string(status), code).Inc()
	if m.g.CreatedAt.Unix() > 0 { // else the table does not say
		s.metrics.lasted.WithLabelValues(taskType, string(status)).Observe(s.age(m, s.cfg.Now()).Seconds())
	}
}

func (s *Syncer) typeLabel(t task.Type) string {
	if _, known := s.cfg.Policy.Handlers[t]; known {
		return string(t)
	}
	return labelUnknown
}

func (s *Syncer) providerLabel(name string) string {
	switch {
	case name == "":
		return s.cfg.DefaultProvider
	case s.sources[name] == nil:
		return labelUnknown
	}
	return name
}

func codeLabel(code task.Code) string {
	if slices.Contains(task.Codes(), code) {
		return string(code)
	}
	return labelOther
}

package sunoclips

import (
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/upstream"
)

// maxWords bounds how many unknown words are remembered, and so logged.
const maxWords = 32

// unknownWords counts statuses that no table knows, and logs each word once.
type unknownWords struct {
	logger *slog.Logger
	total  prometheus.Counter

	mu     sync.Mutex
	logged map[string]bool
}

func newUnknownWords(reg prometheus.Registerer, logger *slog.Logger) (*unknownWords, error) {
	total, err := upstream.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tasksync_upstream_unknown_status_total",
		Help: "Answers with a status that tasksync does not know and takes for processing.",
	}, []string{"provider"}))
	if err != nil {
		return nil, err
	}
	return &unknownWords{logger: logger, total: total.WithLabelValues(Name), logged: map[string]bool{}}, nil
}

func (u *unknownWords) note(word string) {
	u.total.Inc()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.logged[word] || len(u.logged) >= maxWords {
		return
	}
	u.logged[word] = true
	u.logger.Warn("[TaskSync] Unknown upstream status taken for processing", "provider", Name, "status", word)
}

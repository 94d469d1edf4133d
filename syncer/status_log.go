package syncer

import (
	"log/slog"
	"sync"
	"time"

	"tasksync/task"
)

// statusLog logs what became of rows: each of them, as long as those are few. When they
// are many, each is a line for debugging, and a line a second says how many there were.
// The zero value is ready to use. A statusLog is safe for concurrent use.
type statusLog struct {
	mu      sync.Mutex
	began   time.Time // of the second
	lines   int       // in that second
	omitted map[task.Status]int
}

// maxStatusLines is how many rows are logged in a second.
const maxStatusLines = 50

func (l *statusLog) updated(logger *slog.Logger, status task.Status, attrs []any) {
	const message = "[TaskSync] Updated generation status"
	if l.count(logger, status) {
		logger.Info(message, attrs...)
	} else {
		logger.Debug(message, attrs...)
	}
}

// count reports whether a row has a line of its own. The first one of a second that has
// none lets the second's summary follow.
func (l *statusLog) count(logger *slog.Logger, status task.Status) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if len(l.omitted) == 0 && now.Sub(l.began) >= time.Second {
		l.began, l.lines = now, 0
	}
	if l.lines < maxStatusLines {
		l.lines++
		return true
	}
	if l.omitted == nil {
		l.omitted = make(map[task.Status]int)
		time.AfterFunc(max(0, time.Second-now.Sub(l.began)), func() { l.summarize(logger) })
	}
	l.omitted[status]++
	return false
}

// summarize ends a second. Rows of the next one have lines of their own again.
func (l *statusLog) summarize(logger *slog.Logger) {
	l.mu.Lock()
	omitted := l.omitted
	l.began, l.lines, l.omitted = time.Now(), 0, nil
	l.mu.Unlock()
	var counts []any
	rows := 0
	for _, status := range task.Statuses() {
		if n := omitted[status]; n > 0 {
			counts, rows = append(counts, string(status), n), rows+n
		}
	}
	logger.Info("[TaskSync] Updated generation statuses; each has a line at level debug", append([]any{"rows", rows}, counts...)...)
}

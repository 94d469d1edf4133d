package simulator

import (
	"sync"
	"time"
)

// limiter allows each key limit requests in each window of time.
type limiter struct {
	limit  int // 0: no limit
	window time.Duration

	mu    sync.Mutex
	since time.Time // of the window
	used  map[string]int
}

func (l *limiter) allow(key string, now time.Time) bool {
	if l.limit <= 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used == nil || now.Sub(l.since) >= l.window {
		l.since, l.used = now, make(map[string]int)
	}
	l.used[key]++
	return l.used[key] <= l.limit
}

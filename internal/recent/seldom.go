// Package recent remembers recent keys and values, within bounds.
package recent

import (
	"maps"
	"sync"
	"time"
)

// Seldom limits log lines that rows, providers and databases could cause without
// end. The zero value allows each key once. A Seldom is safe for concurrent use.
type Seldom struct {
	Again time.Duration // after it a key is allowed again; 0: never

	mu     sync.Mutex
	logged map[string]time.Time
}

// maxSeldom bounds the number of remembered keys, and so of log lines: in all, or
// per Again.
const maxSeldom = 100

// First reports whether key is to be logged now, and remembers that it was.
func (s *Seldom) First(key string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, known := s.logged[key]
	if !known && len(s.logged) >= maxSeldom && s.Again > 0 {
		maps.DeleteFunc(s.logged, func(_ string, at time.Time) bool { return now.Sub(at).Abs() >= s.Again })
	}
	if known && (s.Again == 0 || now.Sub(at).Abs() < s.Again) || !known && len(s.logged) >= maxSeldom {
		return false
	}
	if s.logged == nil {
		s.logged = make(map[string]time.Time)
	}
	s.logged[key] = now
	return true
}

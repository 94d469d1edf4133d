// Package recent remembers what was said lately, within bounds.
package recent

import (
	"maps"
	"sync"
	"time"
)

// Seldom lets what rows, providers and databases can cause without end be logged
// now and then. Its zero value tells of each key once. It is safe for concurrent
// use.
type Seldom struct {
	Again time.Duration // a key may be told of again after that; 0: never

	mu   sync.Mutex
	told map[string]time.Time
}

// maxSeldom bounds how many keys are remembered, and so logged: at all, or in the
// time after which they may be told of again.
const maxSeldom = 100

// First reports whether key is to be told of now.
func (s *Seldom) First(key string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, known := s.told[key]
	if !known && len(s.told) >= maxSeldom && s.Again > 0 {
		maps.DeleteFunc(s.told, func(_ string, at time.Time) bool { return now.Sub(at).Abs() >= s.Again })
	}
	if known && (s.Again == 0 || now.Sub(at).Abs() < s.Again) || !known && len(s.told) >= maxSeldom {
		return false
	}
	if s.told == nil {
		s.told = make(map[string]time.Time)
	}
	s.told[key] = now
	return true
}

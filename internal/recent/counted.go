package recent

import (
	"sync"
	"time"
)

// Counted is a [Seldom] that counts, for log lines that say how many were left out since
// the last one. The zero value allows each key once. A Counted is safe for concurrent use.
type Counted struct {
	Seldom

	mu   sync.Mutex
	left map[string]int // by key: how often it was not allowed since it was
}

// First reports whether key is to be logged now, and how often it was not since it last
// was.
func (c *Counted) First(key string, now time.Time) (left int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Seldom.First(key, now) {
		left = c.left[key]
		delete(c.left, key)
		return left, true
	}
	if _, known := c.left[key]; known || len(c.left) < maxSeldom {
		if c.left == nil {
			c.left = make(map[string]int)
		}
		c.left[key]++
	}
	return 0, false
}

package cdn

import (
	"sync"
	"time"

	"tasksync/internal/recent"
	"tasksync/task"
)

const (
	cacheSize = 4096 // results in each of the two generations of recent.Map
	cacheFor  = 5 * time.Minute
)

// probeCache remembers the results of the latest probes for cacheFor.
type probeCache struct {
	mu     sync.Mutex
	probes recent.Map[probed] // by URL
}

type probed struct {
	found task.Probe
	until time.Time
}

func (c *probeCache) get(url string, now time.Time) (found task.Probe, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, ok := c.probes.Get(url)
	return last.found, ok && now.Before(last.until)
}

func (c *probeCache) put(url string, found task.Probe, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probes.Size = cacheSize
	c.probes.Put(url, probed{found, now.Add(cacheFor)}, now)
}

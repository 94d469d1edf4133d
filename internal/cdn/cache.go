package cdn

import (
	"container/list"
	"sync"
	"time"

	"tasksync/task"
)

// probeCache remembers the results of the latest probes. When there are too many,
// the least recently used one goes.
type probeCache struct {
	size int
	keep time.Duration

	mu    sync.Mutex
	order *list.List // of probeEntry, the most recently used first
	byURL map[string]*list.Element
}

type probeEntry struct {
	url   string
	found task.Probe
	until time.Time
}

func newProbeCache(size int, keep time.Duration) *probeCache {
	return &probeCache{size: size, keep: keep, order: list.New(), byURL: map[string]*list.Element{}}
}

func (c *probeCache) get(url string, now time.Time) (found task.Probe, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.byURL[url]
	if !ok {
		return 0, false
	}
	entry := at.Value.(probeEntry)
	if !now.Before(entry.until) {
		c.drop(at)
		return 0, false
	}
	c.order.MoveToFront(at)
	return entry.found, true
}

func (c *probeCache) put(url string, found task.Probe, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.byURL[url]; ok {
		c.drop(at)
	}
	c.byURL[url] = c.order.PushFront(probeEntry{url: url, found: found, until: now.Add(c.keep)})
	if c.order.Len() > c.size {
		c.drop(c.order.Back())
	}
}

func (c *probeCache) drop(at *list.Element) {
	entry := c.order.Remove(at).(probeEntry)
	delete(c.byURL, entry.url)
}

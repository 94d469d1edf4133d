package feed

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tasksync/internal/wait"
)

// collector takes ids from the parts of a feed and hands them on. Ids that arrive
// while a hand-on is under way form the next one together: no id waits for a group
// to fill, and the more ids arrive, the larger the groups are.
type collector struct {
	jobs   Jobs
	logger *slog.Logger
	memory *memory

	mu   sync.Mutex
	ids  []string
	held bool          // a sweep is under way: ids wait for what it finds
	lost bool          // the queue has overflowed, and a log line says so
	wake chan struct{} // there may be ids to hand on
}

func newCollector(jobs Jobs, logger *slog.Logger) *collector {
	return &collector{jobs: jobs, logger: logger, memory: newMemory(), wake: make(chan struct{}, 1)}
}

// Bounds of the queue: scans pause beyond the first, and notifications beyond the
// second are left to the sweep.
const (
	queueFull     = 20_000
	queueOverflow = 500_000
)

// receive takes the id of a notification. It never blocks.
func (c *collector) receive(id string) {
	if c.memory.echo(id) {
		return
	}
	c.memory.add(true, id)
	c.add(id)
}

// found takes the ids of a scan, drops those that were handed on a moment ago, and
// returns how many are left.
func (c *collector) found(ids []string) int {
	ids = c.memory.unknown(ids)
	c.memory.add(false, ids...)
	c.add(ids...)
	return len(ids)
}

func (c *collector) add(ids ...string) {
	c.mu.Lock()
	if len(c.ids) < queueOverflow {
		c.ids = append(c.ids, ids...)
	} else if !c.lost {
		c.lost = true
		c.logger.Error("[TaskSync] Rows arrive faster than they can be handed on; the rest is left to the sweep", "waiting", len(c.ids))
	}
	c.mu.Unlock()
	signal(c.wake)
}

// signal wakes the goroutine that waits for c. A signal that is pending already is
// enough.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// full reports whether scans should pause.
func (c *collector) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ids) >= queueFull
}

// hold makes the ids that arrive wait for release.
func (c *collector) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
}

// release ends hold, and drops the waiting ids that a sweep has given jobs already.
func (c *collector) release(swept []string) {
	c.memory.add(false, swept...)
	known := make(map[string]bool, len(swept))
	for _, id := range swept {
		known[id] = true
	}
	c.mu.Lock()
	waiting := c.ids
	c.ids, c.held = nil, false
	for _, id := range waiting {
		if !known[id] {
			c.ids = append(c.ids, id)
		}
	}
	c.mu.Unlock()
	signal(c.wake)
}

// maxHandOn bounds how many ids are handed on at once.
const maxHandOn = 5000

// take returns the ids to hand on next, or none while they are held.
func (c *collector) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
		return nil
	}
	n := min(len(c.ids), maxHandOn)
	ids := c.ids[:n:n]
	c.ids = c.ids[n:]
	if len(c.ids) == 0 {
		c.ids, c.lost = nil, false
	}
	return ids
}

// run hands ids on until ctx ends. It retries a hand-on that fails; the next sweep
// finds the rows whose ids are lost when the daemon stops.
func (c *collector) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		}
		for ids := c.take(); len(ids) > 0; ids = c.take() {
			if err := c.handOn(ctx, ids); err != nil {
				return nil //nolint:nilerr // ctx has ended
			}
		}
	}
}

// maxTries is how often a hand-on is tried. Then its ids are left to the sweep, and
// newer ones need not wait behind them.
const maxTries = 6

func (c *collector) handOn(ctx context.Context, ids []string) error {
	backoff := wait.Backoff{Least: minBackoff, Most: maxBackoff}
	for n := 1; ; n++ {
		err := c.try(ctx, ids)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case n == maxTries:
			c.logger.Error("[TaskSync] Handing on new rows failed; they are left to the sweep", "rows", len(ids), "error", err)
			return nil
		}
		pause := backoff.Next()
		c.logger.Warn("[TaskSync] Handing on new rows failed; trying again", "rows", len(ids), "error", err, "retry_in", pause.String())
		if err := wait.For(ctx, pause); err != nil {
			return err
		}
	}
}

// handOnTimeout bounds one try: a dead connection may report no error.
const handOnTimeout = 10 * time.Second

func (c *collector) try(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, handOnTimeout)
	defer cancel()
	return c.jobs.HandOn(ctx, ids)
}

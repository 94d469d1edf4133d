package feed

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tasksync/internal/wait"
)

// collector takes ids from a feed and hands them on. Ids that arrive while the
// last hand-on is under way form the next one together: nothing waits to be
// grouped, and the busier it is, the larger the groups.
type collector struct {
	to     Jobs
	logger *slog.Logger
	memory *memory

	mu   sync.Mutex
	ids  []string
	held bool // a sweep is under way: ids wait for what it finds
	lost bool // the queue was full
	wake chan struct{}
}

func newCollector(to Jobs, logger *slog.Logger) *collector {
	return &collector{to: to, logger: logger, memory: newMemory(), wake: make(chan struct{}, 1)}
}

// Bounds of a queue: a reader stops to look beyond the first, and notifications
// beyond the second are left to the sweep.
const (
	queueFull     = 20_000
	queueOverflow = 500_000
)

// hear takes the id of a notification. It never blocks.
func (c *collector) hear(id string) {
	if c.memory.echo(id) {
		return
	}
	c.memory.add(true, id)
	c.add(id)
}

// found takes the ids of a look, of which some may be known. It returns how many
// were not.
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
	c.poke()
}

func (c *collector) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// full reports whether looks should pause.
func (c *collector) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ids) >= queueFull
}

// hold keeps what arrives until release.
func (c *collector) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
}

// release lets the ids go, less those that a sweep has handed on already.
func (c *collector) release(swept []string) {
	c.memory.add(false, swept...)
	done := make(map[string]bool, len(swept))
	for _, id := range swept {
		done[id] = true
	}
	c.mu.Lock()
	waiting := c.ids
	c.ids, c.held = nil, false
	for _, id := range waiting {
		if !done[id] {
			c.ids = append(c.ids, id)
		}
	}
	c.mu.Unlock()
	c.poke()
}

// maxHandOn bounds how many ids are handed on at once.
const maxHandOn = 5000

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

// run hands on until ctx ends. What cannot be handed on now is tried again; what
// is lost when the daemon stops is found by the next sweep.
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

// maxTries is how often ids are tried to be handed on: then they are the sweep's,
// and newer ones need not wait behind them.
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

// handOnTimeout bounds one try: the database may be gone without a word.
const handOnTimeout = 10 * time.Second

func (c *collector) try(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, handOnTimeout)
	defer cancel()
	return c.to.HandOn(ctx, ids)
}

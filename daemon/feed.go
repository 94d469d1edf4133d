package daemon

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// handOn is what a feed needs of the jobs.
type handOn interface {
	// HandOn gives the generations their jobs.
	HandOn(ctx context.Context, ids []string) error
	// Sweep finds what was missed; grace leaves the youngest rows to the feed.
	Sweep(ctx context.Context, grace time.Duration) ([]string, error)
}

// collector takes ids from a feed and hands them on. Ids that arrive while the
// last hand-on is under way form the next one together: nothing waits to be
// grouped, and the busier it is, the larger the groups.
type collector struct {
	to     handOn
	logger *slog.Logger

	mu    sync.Mutex
	ids   []string
	swept map[string]time.Time // handed on by a sweep a moment ago
	wake  chan struct{}
}

func newCollector(to handOn, logger *slog.Logger) *collector {
	return &collector{to: to, logger: logger, wake: make(chan struct{}, 1)}
}

// sweptFor is how long a notification of a row that a sweep has just handed on
// is taken for the echo of it.
const sweptFor = 5 * time.Second

// add takes an id. It never blocks.
func (c *collector) add(id string) {
	c.mu.Lock()
	at, swept := c.swept[id]
	if !swept || time.Since(at) > sweptFor {
		c.ids = append(c.ids, id)
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// remember notes ids that a sweep handed on.
func (c *collector) remember(ids []string) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swept = make(map[string]time.Time, len(ids))
	for _, id := range ids {
		c.swept[id] = now
	}
}

// maxHandOn bounds how many ids are handed on at once.
const maxHandOn = 5000

func (c *collector) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.ids), maxHandOn)
	ids := c.ids[:n:n]
	c.ids = c.ids[n:]
	if len(c.ids) == 0 {
		c.ids = nil
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
	wait := 100 * time.Millisecond
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
		c.logger.Warn("[TaskSync] Handing on new rows failed; trying again", "rows", len(ids), "error", err, "retry_in", wait.String())
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, maxBackoff)
	}
}

// handOnTimeout bounds one try: the database may be gone without a word.
const handOnTimeout = 10 * time.Second

func (c *collector) try(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, handOnTimeout)
	defer cancel()
	return c.to.HandOn(ctx, ids)
}

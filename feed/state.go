package feed

import (
	"context"
	"sync"
	"time"

	"tasksync/queries"
)

// base is what the parts of a feed share. A Feed knows its parts; a part knows
// its base, and no Feed.
type base struct {
	cfg       Config
	queries   *queries.Queries
	collector *collector
	metrics   *metrics
	state     *state
}

func newBase(cfg Config) base {
	m := newMetrics(cfg.Registerer)
	return base{
		cfg: cfg, queries: queries.New(), collector: newCollector(cfg.Jobs, cfg.Logger), metrics: m,
		state: &state{changed: cfg.State, metrics: m, reason: "starting"},
	}
}

// sweepTimeout bounds the sweep of a new feed; what it got done by then stays
// done, and the next sweep goes on.
const sweepTimeout = 20 * time.Second

// sweep gives every row that no job follows one, and returns their ids.
func (b base) sweep(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	return b.cfg.Jobs.Sweep(ctx, 0)
}

// holdAndSweep sweeps while the ids that arrive wait, so that a row that the
// sweep finds is not handed on again. It returns how many rows the sweep found.
func (b base) holdAndSweep(ctx context.Context) (swept int, err error) {
	b.collector.hold()
	ids, err := b.sweep(ctx)
	b.collector.release(ids)
	return len(ids), err
}

// A state says whether new rows are heard of at once, and if not, why. It is safe
// for concurrent use.
type state struct {
	changed func(reason string) // Config.State
	metrics *metrics

	mu     sync.Mutex
	reason string // the last one that changed was given
}

// up says that new rows are heard of at once, by this or another daemon.
func (s *state) up() { s.tell("") }

// down says why they are not.
func (s *state) down(reason string) {
	s.metrics.mode("", "")
	s.tell(reason)
}

func (s *state) tell(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metrics.up.Set(one(reason == ""))
	if reason != "" || s.reason != "" {
		s.reason = reason
		s.changed(reason)
	}
}

package feed

import (
	"context"
	"time"

	"tasksync/queries"
)

// base is what the parts of a feed share: a part knows its base, and not the Feed.
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
		state: &state{changed: cfg.State, metrics: m, reason: "starting"}, // so that the first up is told
	}
}

// sweepTimeout bounds the sweep with which a feed begins. The rows that it has given
// jobs by then keep them, and the next sweep goes on.
const sweepTimeout = 20 * time.Second

// sweep gives a job to every row that no job follows, and returns the ids of these
// rows.
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

package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"
)

// Extra is a kind of jobs of another package. Its queues are its own, so that its jobs
// never wait for passes, and no pass waits for them.
type Extra struct {
	// Add adds the workers of the kind.
	Add func(*river.Workers)
	// Queues are the queues of the kind, by their names.
	Queues map[string]river.QueueConfig
	// Upkeep deletes what is past its retention and mends what was lost. A run of expire
	// calls it once a minute, in one daemon or more. nil: nothing is to be done.
	Upkeep func(ctx context.Context) error
}

// upkeepEvery spaces the calls of Extra.Upkeep.
const upkeepEvery = time.Minute

// upkeep calls the Upkeep of each extra kind. The trouble of one keeps none of the
// others from it.
func (w *expireWorker) upkeep(ctx context.Context) (err error) {
	now := w.client.cfg.Now()
	if now.Sub(w.kept).Abs() < upkeepEvery {
		return nil
	}
	w.kept = now
	for _, e := range w.client.cfg.Extras {
		if e.Upkeep != nil {
			err = errors.Join(err, e.Upkeep(ctx))
		}
	}
	return err
}

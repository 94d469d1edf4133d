package jobs

import (
	"context"

	"github.com/riverqueue/river"
)

// sweepWorker works the sweeps that a daemon of an older version asks for by jobs.
type sweepWorker struct {
	river.WorkerDefaults[SweepArgs]
	client *Client
}

// Work implements river.Worker.
func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[SweepArgs]) error {
	return w.client.sweep(ctx)
}

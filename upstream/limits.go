package upstream

import (
	"context"
	"time"

	"tasksync/task"
)

// Limits is what a provider permits and how it wants to be asked. They are
// constants of the provider, but for the rate, which configuration may change.
type Limits struct {
	// Batch is how many tasks one request can ask for; 1: there is no batch call.
	Batch int
	// Requests in any span of Window and with one credential; 0: no limit.
	Requests int
	Window   time.Duration
	// MinInterval is the least time between two looks at one task; 0: none.
	MinInterval time.Duration
}

// Adapter asks one provider with one credential, in that provider's wire
// format. Every adapter passes the suite in package upstreamtest.
type Adapter interface {
	// Fetch asks how the tasks stand. It answers an observation per task that was
	// reported, in any order. A task that is absent was not reported, which is no
	// failure of it. The error, a [*task.Failure] where one call failed, speaks
	// for all tasks that are absent; the observations beside it hold.
	Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error)
	// Limits tells how the provider wants to be asked.
	Limits() Limits
	// Paused tells why calls with the credential pause, if they do.
	Paused() (reason string, until time.Time, paused bool)
}

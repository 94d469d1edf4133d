package upstream

import (
	"context"
	"time"

	"tasksync/task"
)

// Limits is what a provider permits. All of it is constant but the rate, which the
// configuration may change.
type Limits struct {
	// Batch is how many tasks one call can ask for; 1: there is no batch call.
	Batch int
	// Requests is how many calls one credential may make in any span of Window; 0: no
	// limit.
	Requests int
	Window   time.Duration
	// MinInterval is the least time between two looks at one task; 0: none.
	MinInterval time.Duration
}

// Adapter asks one provider with one credential, in that provider's wire
// format. Every adapter passes the suite in package upstreamtest.
type Adapter interface {
	// Fetch asks how the tasks stand. It returns an observation for each task that was
	// reported, in any order. An absent task was not reported, which is no failure of
	// the task. The error, a [*task.Failure] where a call failed, holds for all absent
	// tasks; the observations beside it are good.
	Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error)
	// Limits returns what the provider permits.
	Limits() Limits
	// Paused tells whether and why calls with the credential pause; see
	// [Client.Paused].
	Paused() (reason string, until time.Time, paused bool)
}

// A Recoverer is an Adapter that can ask its provider to make the files of a task anew,
// after the provider has deleted them.
type Recoverer interface {
	// Recovers reports whether this provider has the calls.
	Recovers() bool
	// Recover asks for the files of a task. They are ready minutes later.
	Recover(ctx context.Context, taskID string) error
	// Recovered returns the results with their new URLs; none if they are not ready.
	Recovered(ctx context.Context, taskID string) ([]task.Item, error)
}

// A Crediter is an Adapter that can tell how many credits the account has left, by a
// call that costs none. Other adapters are tried by a look at a task that is not there.
type Crediter interface {
	Credits(ctx context.Context) (left float64, err error)
}

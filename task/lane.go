package task

import "context"

// Lane is a queue of calls to an upstream, with a guaranteed share of its limit.
// It travels in the context, so that the adapters between the syncer and the
// gate of a client need not know the lane.
type Lane int

// The lanes, in the order in which they are served.
const (
	// LaneDue is for looks that are due: the first look at a row, those of its
	// schedule, and the one at its deadline.
	LaneDue Lane = iota
	// LaneUser is for looks that a background job would make anyway, and that a user
	// or a provider's callback asks for earlier. It gets what LaneDue leaves.
	LaneUser
	// LaneBacklog is for looks at overdue rows and for late results. It gets what the
	// others leave, and a tenth of the limit in any case.
	LaneBacklog
)

type laneKey struct{}

// InLane returns a context whose calls to an upstream wait in lane.
func InLane(ctx context.Context, lane Lane) context.Context {
	return context.WithValue(ctx, laneKey{}, lane)
}

// LaneOf returns the lane of ctx; without one, [LaneDue].
func LaneOf(ctx context.Context) Lane {
	lane, _ := ctx.Value(laneKey{}).(Lane)
	return lane
}

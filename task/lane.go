package task

import "context"

// Lane is a queue of calls to an upstream, with a guaranteed share of its limit.
// It travels in the context, so that the adapters between the syncer and the
// gate of a client need not know the lane.
type Lane int

// The lanes, in the order in which they are served.
const (
	// LaneHint is for looks that find something: a provider has called back, or a
	// user asks for a row that was not looked at lately.
	LaneHint Lane = iota + 1
	// LaneFirst is for the first look at a row.
	LaneFirst
	// LaneDeadline is for the look at a row's deadline.
	LaneDeadline
	// LaneDue is for the other looks that are due, the most valuable first.
	LaneDue
	// LaneUser is for looks that a background job would make anyway, and that a
	// user asks for earlier. It has what the others leave.
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
	if lane < LaneHint || lane > LaneBacklog {
		return LaneDue
	}
	return lane
}

// String returns the lane as operators read it; of no lane, "".
func (l Lane) String() string {
	names := [...]string{"", "hint", "first", "deadline", "due", "user", "backlog"}
	if l < 0 || int(l) >= len(names) {
		return ""
	}
	return names[l]
}

package task

import "context"

// Lane is the place of a look among others that wait for the same upstream.
type Lane int

// The lanes, from the one that is served first on.
const (
	// LaneDue is for looks that rows need now: the first one, those that are
	// due, the one at the deadline.
	LaneDue Lane = iota
	// LaneUser is for looks that a job makes anyway, and that a user or a
	// provider's callback asks for earlier. It has what LaneDue leaves.
	LaneUser
	// LaneBacklog is for rows past their deadline and for late results. It has
	// what the others leave, and a tenth of the limit in any case.
	LaneBacklog
)

type laneKey struct{}

// InLane returns a context whose upstream calls wait in lane.
func InLane(ctx context.Context, lane Lane) context.Context {
	return context.WithValue(ctx, laneKey{}, lane)
}

// LaneOf is the lane of ctx; [LaneDue] if it has none.
func LaneOf(ctx context.Context) Lane {
	lane, _ := ctx.Value(laneKey{}).(Lane)
	return lane
}

package sunoproxy

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"tasksync/task"
	"tasksync/upstream"
)

// round is one Fetch under way.
type round struct {
	adapter *Adapter

	mu       sync.Mutex
	seen     []task.Observation
	answered bool
	single   *task.Failure // the first that concerned the tasks of one call
	common   *task.Failure // the most severe that concerns all, of these the first
	ended    error         // the end of ctx
}

// fresh leaves out what is asked for twice, and ids that can be no task's.
func (r *round) fresh(refs []task.Ref) []task.Ref {
	asked := make(map[string]bool, len(refs))
	var out []task.Ref
	for _, ref := range refs {
		switch {
		case asked[ref.TaskID]:
		case goodID(ref.TaskID):
			out = append(out, ref)
		default:
			r.fail(upstream.BadTaskID(), ref)
		}
		asked[ref.TaskID] = true
	}
	return out
}

// over reports whether no further calls are made.
func (r *round) over(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.common != nil || ctx.Err() != nil
}

// tell keeps what a call has told.
func (r *round) tell(told ...task.Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered = true
	r.seen = append(r.seen, told...)
}

// fail keeps why a call for refs has told nothing.
func (r *round) fail(err error, refs ...task.Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, isFailure := err.(*task.Failure) //nolint:errorlint // the client's, never wrapped
	switch {
	case !isFailure:
		r.ended = err
		return
	case upstream.ConcernsAll(f):
		if r.common == nil || (f.Verdict == task.Account && r.common.Verdict != task.Account) {
			r.common = f
		}
		return
	case f.Verdict == task.Transient:
		r.single = cmp.Or(r.single, f)
	default:
		r.answered = true
	}
	for _, ref := range refs {
		obs := task.Observation{TaskID: ref.TaskID, Failure: f}
		if f.Verdict == task.Permanent {
			obs.Status = task.Failed
		}
		r.seen = append(r.seen, obs)
	}
}

func (r *round) err(ctx context.Context) error {
	switch {
	case r.common != nil:
		return fmt.Errorf("fetch from %s: %w", Name, r.common)
	case r.ended != nil:
		return fmt.Errorf("fetch from %s: %w", Name, r.ended)
	case ctx.Err() != nil:
		return fmt.Errorf("fetch from %s: %w", Name, ctx.Err())
	case !r.answered && r.single != nil:
		return fmt.Errorf("fetch from %s: %w", Name, r.single)
	}
	return nil
}

package sunoapi

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"tasksync/task"
	"tasksync/upstream"
)

// Fetch asks for each ref, some of them at once, and returns what was seen, in
// any order. A ref that is not among the observations was not reported; that
// says nothing about its task. A call that failed for one task alone (a 5xx, a
// timeout, a body that could not be read) becomes an observation with that
// failure, and the others go on.
//
// The error tells of what concerns more than one task, and comes next to the
// observations that were made: an account verdict or a rate limit (no further
// calls are made after one), the end of ctx, or the first failure if no call at
// all brought an answer. It holds a *task.Failure, or wraps ctx.Err().
func (a *Adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	r := &round{adapter: a, asked: map[string]bool{}}
	var calls errgroup.Group
	calls.SetLimit(a.fanOut)
	for _, ref := range refs {
		if r.stopped() || ctx.Err() != nil {
			break
		}
		if r.fresh(ref) {
			calls.Go(func() error { r.fetch(ctx, ref); return nil })
		}
	}
	_ = calls.Wait() // the round keeps the errors
	return r.seen, r.err(ctx)
}

// round is one Fetch under way.
type round struct {
	adapter *Adapter
	asked   map[string]bool // by type and id; only the loop of Fetch uses it

	mu       sync.Mutex
	seen     []task.Observation
	answered bool
	single   *task.Failure // the first that concerned one task
	common   *task.Failure // the most severe that concerns all, of these the first
	ended    error         // the end of ctx
}

// fresh reports whether ref is to be asked for: for the first time, and under an
// id that can be one.
func (r *round) fresh(ref task.Ref) bool {
	key := string(ref.Type) + "\x00" + ref.TaskID
	if r.asked[key] {
		return false
	}
	r.asked[key] = true
	if upstream.GoodTaskID(ref.TaskID) {
		return true
	}
	r.note(ref, task.Observation{}, upstream.BadTaskID())
	return false
}

func (r *round) stopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.common != nil
}

// fetch asks for one task. It looks again whether the round has stopped, since
// it may have waited for a place among the calls.
func (r *round) fetch(ctx context.Context, ref task.Ref) {
	if r.stopped() {
		return
	}
	obs, err := r.adapter.ask(ctx, ref)
	r.note(ref, obs, err)
}

// note keeps the result of one call.
func (r *round) note(ref task.Ref, obs task.Observation, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, isFailure := errors.AsType[*task.Failure](err)
	switch {
	case err == nil:
	case !isFailure:
		r.ended = err
		return
	case upstream.ConcernsAll(f):
		if r.common == nil || (f.Verdict == task.Account && r.common.Verdict != task.Account) {
			r.common = f
		}
		return
	default:
		obs = task.Observation{Failure: f}
		if f.Verdict == task.Permanent {
			obs.Status = task.Failed
		}
	}
	if f != nil && f.Verdict == task.Transient {
		r.single = firstOf(r.single, f)
	} else {
		r.answered = true
	}
	obs.TaskID = ref.TaskID
	r.seen = append(r.seen, obs)
}

func (r *round) err(ctx context.Context) error {
	provider := r.adapter.profile.Name
	switch {
	case r.common != nil:
		return fmt.Errorf("fetch from %s: %w", provider, r.common)
	case r.ended != nil:
		return fmt.Errorf("fetch from %s: %w", provider, r.ended)
	case ctx.Err() != nil:
		return fmt.Errorf("fetch from %s: %w", provider, ctx.Err())
	case !r.answered && r.single != nil:
		return fmt.Errorf("fetch from %s: %w", provider, r.single)
	}
	return nil
}

func firstOf(a, b *task.Failure) *task.Failure {
	if a != nil {
		return a
	}
	return b
}

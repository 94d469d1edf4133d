package acedata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"tasksync/task"
	"tasksync/upstream"
)

const (
	path = "/suno/tasks"
	// maxSplits bounds how often the calls of one Fetch are split: often enough
	// to find one bad id among fifty.
	maxSplits = 8
)

// Fetch asks for the refs, up to fifty by call, and returns what was seen, in
// any order. A ref that is not among the observations was not reported; that
// says nothing about its task.
//
// The error speaks for the refs that were not reported because a call failed:
// an account verdict or a rate limit (no further calls are made after one), the
// end of ctx, or the first other failure. It holds a *task.Failure, or wraps
// ctx.Err(). A request that the provider calls bad is asked again in halves, so
// that one id that it cannot read does not hide the others; and so is one whose
// answer is too large.
func (a *Adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	r := &round{adapter: a}
	var calls errgroup.Group
	calls.SetLimit(a.fanOut)
	for q := range slices.Chunk(r.enrol(refs), batch) {
		if r.stopped() || ctx.Err() != nil {
			break
		}
		calls.Go(func() error { r.ask(ctx, q); return nil })
	}
	_ = calls.Wait() // the round keeps the errors
	r.settle()
	return r.seen, r.err(ctx)
}

// round is one Fetch under way.
type round struct {
	adapter *Adapter
	splits  atomic.Int32

	mu       sync.Mutex
	seen     []task.Observation
	answered bool // a call was
	unknown  []unknown
	single   *task.Failure // the first of a call alone
	common   *task.Failure // the most severe that concerns all calls, of these the first
	ended    error         // the end of ctx
}

// unknown is a task that the provider was asked for alone, and does not know.
type unknown struct {
	asked
	why *task.Failure
}

// enrol gathers the tasks to ask for, each once, and answers itself for those
// whose id cannot be one.
func (r *round) enrol(refs []task.Ref) question {
	var q question
	at := map[string]int{}
	for _, ref := range refs {
		i, ok := at[ref.TaskID]
		if !ok {
			i = len(q)
			at[ref.TaskID] = i
			q = append(q, asked{id: ref.TaskID})
		}
		if !slices.ContainsFunc(q[i].refs, func(o task.Ref) bool { return o.Type == ref.Type }) {
			q[i].refs = append(q[i].refs, ref)
		}
	}
	return slices.DeleteFunc(q, func(t asked) bool {
		if upstream.GoodTaskID(t.id) {
			return false
		}
		r.report(t, upstream.BadTaskID())
		return true
	})
}

func (r *round) stopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.common != nil
}

// ask makes one call, or more if it has to be split. It looks again whether the
// round has stopped, since it may have waited for a place among the calls.
func (r *round) ask(ctx context.Context, q question) {
	if r.stopped() {
		return
	}
	var seen []task.Observation
	err := r.adapter.client.Post(ctx, path, q.payload(), func(ans upstream.Answer) (int, *task.Failure) {
		var f *task.Failure
		seen, f = r.adapter.read(q, ans)
		return 0, f
	})
	if len(q) > 1 && mendedByLess(err) && r.splits.Add(1) <= maxSplits {
		r.ask(ctx, q[:len(q)/2])
		r.ask(ctx, q[len(q)/2:])
		return
	}
	r.note(q, seen, err)
}

// mendedByLess reports whether a call for fewer tasks may succeed where err came.
func mendedByLess(err error) bool {
	f, ok := errors.AsType[*task.Failure](err)
	return ok && (f.Reason == reasonBadRequest || f.Reason == upstream.ReasonTooLarge)
}

// note keeps the result of one call.
func (r *round) note(q question, seen []task.Observation, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, isFailure := errors.AsType[*task.Failure](err)
	switch {
	case err == nil:
		r.answered = true
		r.seen = append(r.seen, seen...)
	case !isFailure:
		r.ended = err
	case upstream.ConcernsAll(f):
		if r.common == nil || (f.Verdict == task.Account && r.common.Verdict != task.Account) {
			r.common = f
		}
	case f.Verdict == task.UnknownTask: // only of a call for one
		r.unknown = append(r.unknown, unknown{q[0], f})
	default:
		r.single = cmp.Or(r.single, f)
	}
}

// settle reports the unknown tasks. A provider that calls everything bad that it
// is asked says nothing of any task.
func (r *round) settle() {
	for _, t := range r.unknown {
		if r.answered || r.splits.Load() == 0 {
			r.report(t.asked, t.why)
		} else {
			r.single = cmp.Or(r.single, t.why)
		}
	}
}

// report enters a failure of one task.
func (r *round) report(t asked, f *task.Failure) {
	for _, ref := range t.refs {
		r.seen = append(r.seen, task.Observation{TaskID: ref.TaskID, Failure: f})
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
	case r.single != nil:
		return fmt.Errorf("fetch from %s: %w", Name, r.single)
	}
	return nil
}

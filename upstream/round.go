package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tasksync/task"
)

// Round makes the calls of one Fetch. An adapter says which calls its provider
// has; all that is the same for every provider happens here: each task is asked
// for once, a task id that cannot be the provider's is answered without a call,
// calls go out side by side, a batch call that fails is made smaller until the task
// that breaks it stands alone (round_split.go), and the end of the credential, of
// the rate or of ctx ends the round.
type Round struct {
	Provider string // for the text of errors
	FanOut   int    // calls of one Fetch under way at once; default 1
	Batch    int    // most tasks of one batch call; below 2: there is no batch call
	// Kind sorts tasks: only tasks of one kind share a batch call, and batch is
	// false for a kind without a batch call. Default: all tasks share.
	Kind func(task.Ref) (kind string, batch bool)
	// Check is the failure of a task that the provider cannot be asked for; nil: it
	// can be. The ref's id has no blanks around it. Default: [GoodTaskID].
	Check func(task.Ref) *task.Failure
	// One asks for one task by the single call. nil without an error: the answer
	// is well formed, and has no such task. Default: Many, for one task.
	One func(context.Context, task.Ref) (*task.Observation, error)
	// Many asks for tasks of one kind by the batch call. The result has an
	// element for each ref, in their order: nil for a task that was not reported.
	Many func(ctx context.Context, kind string, refs []task.Ref) ([]*task.Observation, error)
	// Suspects remembers from one Fetch to the next which tasks break calls; nil:
	// nothing is remembered.
	Suspects *Suspects
}

// Fetch asks for refs and returns the observations, in any order. A call that failed
// becomes an observation with that failure for each of its tasks. A ref without an
// observation, and without an error of Fetch, was left out of the answer to a batch
// call, which says nothing about the task; a ref that is to be asked for alone is
// then unknown.
//
// The error tells what concerns all tasks: an account verdict or a rate limit (after
// which no further calls are made: see [task.PartError]), the end of ctx, or the first
// failure if no call at all brought an answer. It holds a *task.Failure, or wraps
// ctx.Err().
func (r Round) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	state := &roundState{Round: r, began: time.Now()}
	state.idle.L = &state.mu
	state.run(ctx, state.groups(state.addLooks(refs)))
	return state.finish(ctx)
}

// look is one task of a round, and what has become of it.
type look struct {
	ref   task.Ref   // its id without blanks around it
	named []task.Ref // the same task as the caller names it

	done    bool              // the provider answered
	obs     *task.Observation // the answer; nil when done: it says nothing about this task
	failure *task.Failure     // of the last call for the task, if that failed
	size    int               // how many tasks the smallest failed call for it asked for; 0: none failed
	waited  time.Duration     // from the beginning of the round until its call was sent
	sent    bool              // a call for it brought what concerns all tasks
}

// roundState is a Round under way.
type roundState struct {
	Round
	began time.Time
	looks []*look // set once; mu guards their contents

	mu        sync.Mutex
	idle      sync.Cond // by mu: a call has ended
	underWay  int       // calls
	failed    int       // failed calls, until the first call that succeeds
	succeeded bool      // a call brought what was asked for
	halved    bool      // a batch call was made smaller
	hung      bool      // a call was under way when the time was over
	common    *task.Failure
	ended     error // the end of ctx, or a call that could not be built
}

// addLooks adds a look for each task once, and returns the looks that need a call.
// It answers for tasks that the provider cannot be asked for. The caller may name a
// task with blanks around its id.
func (r *roundState) addLooks(refs []task.Ref) (need []*look) {
	type key struct {
		id       string
		taskType task.Type
	}
	known := map[key]*look{}
	for _, ref := range refs {
		clean := ref
		clean.TaskID, _ = TaskID(ref.TaskID)
		k := key{clean.TaskID, ref.Type}
		if l := known[k]; l != nil {
			l.addName(ref)
			continue
		}
		l := &look{ref: clean, named: []task.Ref{ref}}
		known[k] = l
		r.looks = append(r.looks, l)
		if bad := r.check(clean); bad != nil {
			l.done, l.obs = true, &task.Observation{Failure: bad}
			continue
		}
		need = append(need, l)
	}
	return need
}

// addName adds a ref that names the same task.
func (l *look) addName(ref task.Ref) {
	l.ref.Alone = l.ref.Alone || ref.Alone
	if !slices.ContainsFunc(l.named, func(o task.Ref) bool { return o.TaskID == ref.TaskID }) {
		l.named = append(l.named, ref)
	}
}

func (r *roundState) check(ref task.Ref) *task.Failure {
	switch {
	case r.Check != nil:
		return r.Check(ref)
	case !GoodTaskID(ref.TaskID):
		return BadTaskID()
	}
	return nil
}

// over reports whether no further calls are made.
func (r *roundState) over(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.common != nil || ctx.Err() != nil
}

// stop keeps the first of the most severe failures that concern all tasks. The
// caller holds the lock.
func (r *roundState) stop(failure *task.Failure) {
	if r.common == nil || (failure.Verdict == task.Account && r.common.Verdict != task.Account) {
		r.common = failure
	}
}

// finish returns the observations and the error of the round.
func (r *roundState) finish(ctx context.Context) ([]task.Observation, error) {
	r.remember(ctx)
	var seen []task.Observation
	var first *task.Failure // the error when nothing was answered
	answered := false
	for _, l := range r.looks {
		obs := r.observation(l)
		if l.done && (obs == nil || obs.Failure == nil || obs.Failure.Verdict != task.Transient) {
			answered = true
		} else if obs != nil && first == nil {
			first = obs.Failure
		}
		if obs == nil {
			continue
		}
		for _, ref := range l.named {
			own := *obs
			own.TaskID, own.Waited = ref.TaskID, l.waited
			seen = append(seen, own)
		}
	}
	if err := r.err(ctx); err != nil {
		return seen, fmt.Errorf("fetch from %s: %w", r.Provider, err)
	}
	if !answered && first != nil {
		return seen, fmt.Errorf("fetch from %s: %w", r.Provider, first)
	}
	return seen, nil
}

// observation is the observation of a task; nil if the task was not reported. A
// provider that fails every batch call, and then calls every task unknown, says
// nothing about any task.
func (r *roundState) observation(l *look) *task.Observation {
	switch {
	case !l.done && l.failure == nil:
		return nil
	case !l.done:
		return &task.Observation{Failure: l.failure}
	case l.obs == nil && l.ref.Alone:
		return &task.Observation{Failure: Unknown("")}
	case l.obs != nil && isUnknown(l.obs.Failure) && l.size > 0 && r.halved && !r.succeeded:
		return &task.Observation{Failure: Transient(ReasonBadRequest, l.obs.Failure.Message)}
	}
	return l.obs
}

func isUnknown(f *task.Failure) bool { return f != nil && f.Verdict == task.UnknownTask }

func (r *roundState) err(ctx context.Context) error {
	switch {
	case r.common != nil && r.common.Unsent:
		return r.common
	case r.common != nil:
		return &task.PartError{Err: r.common, Asked: r.sent()}
	case r.ended != nil:
		return r.ended
	}
	return ctx.Err()
}

// sent holds the ids of the tasks for which a call brought what concerns all tasks.
func (r *roundState) sent() map[string]bool {
	sent := map[string]bool{}
	for _, l := range r.looks {
		for _, ref := range l.named {
			sent[ref.TaskID] = sent[ref.TaskID] || l.sent
		}
	}
	return sent
}

type noBatch struct{ failure *task.Failure }

// Error implements error.
func (n noBatch) Error() string { return n.failure.Error() }

// Unwrap returns the failure.
func (n noBatch) Unwrap() error { return n.failure }

// NoBatch returns the error of [Round.Many] for a failure that a server without a
// batch call may have caused: the tasks are then asked for one by one, if the first
// of these calls is answered. Otherwise they have failed with failure.
func NoBatch(failure *task.Failure) error { return noBatch{failure} }

func isNoBatch(err error) bool {
	_, ok := errors.AsType[noBatch](err)
	return ok
}

package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"tasksync/task"
)

// Round is how an adapter makes the calls of one Fetch: which calls its provider
// has, and how they are made. All of a Fetch that is the same for every provider
// happens here: each task is asked for once, an id that can be none is answered
// without a call, calls go out side by side, a batch call that fails is made
// smaller until the task that breaks it stands alone (round_split.go), and the end
// of the credential, of the rate or of ctx ends the round.
type Round struct {
	Provider string // for the text of errors
	FanOut   int    // calls of one Fetch under way at once; default 1
	Batch    int    // most tasks of one batch call; below 2: there is none
	// Kind sorts tasks: only those of one kind share a batch call, and batch is
	// false for one that has none. Default: all share.
	Kind func(task.Ref) (kind string, batch bool)
	// Check is the failure of a task that the provider cannot be asked for, whose
	// id is without blanks around it; nil: it can. Default: [GoodTaskID].
	Check func(task.Ref) *task.Failure
	// One asks for one task by the single call. nil without an error: the answer
	// is well formed, and has no such task.
	One func(context.Context, task.Ref) (*task.Observation, error)
	// Many asks for tasks of one kind by the batch call. The result has an
	// element for each ref, in their order: nil for one that was not reported.
	Many func(ctx context.Context, kind string, refs []task.Ref) ([]*task.Observation, error)
	// Suspects remembers from one Fetch to the next which tasks break calls; nil:
	// nothing is remembered.
	Suspects *Suspects
}

// Fetch asks for refs and returns what was seen, in any order. A call that failed
// for some of them becomes an observation of each with that failure. A ref that
// is neither among the observations nor spoken for by the error was left out of
// the answer about many, which says nothing of it; one that is to be asked for
// alone is then unknown.
//
// The error tells of what concerns all: an account verdict or a rate limit (no
// further calls are made after one: see [task.PartError]), the end of ctx, or the first failure if no
// call at all brought an answer. It holds a *task.Failure, or wraps ctx.Err().
func (r Round) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	f := &fetch{Round: r}
	f.idle.L = &f.mu
	f.run(ctx, f.groups(f.enrol(refs)))
	return f.finish(ctx)
}

// asked is one task of a fetch, and what has become of it.
type asked struct {
	ref task.Ref   // without blanks around its id
	as  []task.Ref // as the caller names it

	done bool              // the provider answered
	obs  *task.Observation // what it said; nil when done: nothing about this task
	why  *task.Failure     // of the last call for it, if that failed
	size int               // how many tasks the smallest call that failed was for; 0: none failed
	sent bool              // a call for it brought what concerns all
}

// fetch is one Fetch under way.
type fetch struct {
	Round
	asks []*asked // written once; their contents by mu

	mu        sync.Mutex
	idle      sync.Cond // by mu: a call has ended
	underWay  int       // calls
	failed    int       // calls, until the first one that succeeds
	succeeded bool      // a call brought what was asked for
	split     bool      // a batch call was made smaller
	hung      bool      // a call was under way when the time was over
	common    *task.Failure
	ended     error // the end of ctx, or a request that could not be made
}

// enrol takes each task once, and answers for those that cannot be asked for. An
// id may be named with blanks around it.
func (f *fetch) enrol(refs []task.Ref) []*asked {
	type key struct {
		id   string
		kind task.Type
	}
	known := map[key]*asked{}
	var good []*asked
	for _, ref := range refs {
		clean := ref
		clean.TaskID, _ = TaskID(ref.TaskID)
		k := key{clean.TaskID, ref.Type}
		if a := known[k]; a != nil {
			a.name(ref)
			continue
		}
		a := &asked{ref: clean, as: []task.Ref{ref}}
		known[k] = a
		f.asks = append(f.asks, a)
		if bad := f.check(clean); bad != nil {
			a.done, a.obs = true, &task.Observation{Failure: bad}
			continue
		}
		good = append(good, a)
	}
	return good
}

// name adds a ref that names the same task.
func (a *asked) name(ref task.Ref) {
	a.ref.Alone = a.ref.Alone || ref.Alone
	if !slices.ContainsFunc(a.as, func(o task.Ref) bool { return o.TaskID == ref.TaskID }) {
		a.as = append(a.as, ref)
	}
}

func (f *fetch) check(ref task.Ref) *task.Failure {
	switch {
	case f.Check != nil:
		return f.Check(ref)
	case !GoodTaskID(ref.TaskID):
		return BadTaskID()
	}
	return nil
}

// over reports whether no further calls are made.
func (f *fetch) over(ctx context.Context) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.common != nil || ctx.Err() != nil
}

// stop keeps the most severe failure that concerns all, of these the first. The
// caller holds the lock.
func (f *fetch) stop(why *task.Failure) {
	if f.common == nil || (why.Verdict == task.Account && f.common.Verdict != task.Account) {
		f.common = why
	}
}

// finish puts together what the round has found.
func (f *fetch) finish(ctx context.Context) ([]task.Observation, error) {
	f.remember(ctx)
	var seen []task.Observation
	var first *task.Failure // why nothing was told
	answered := false
	for _, a := range f.asks {
		obs := f.said(a)
		if a.done && (obs == nil || obs.Failure == nil || obs.Failure.Verdict != task.Transient) {
			answered = true
		} else if obs != nil && first == nil {
			first = obs.Failure
		}
		if obs == nil {
			continue
		}
		for _, ref := range a.as {
			own := *obs
			own.TaskID = ref.TaskID
			seen = append(seen, own)
		}
	}
	if err := f.err(ctx); err != nil {
		return seen, fmt.Errorf("fetch from %s: %w", f.Provider, err)
	}
	if !answered && first != nil {
		return seen, fmt.Errorf("fetch from %s: %w", f.Provider, first)
	}
	return seen, nil
}

// said is the observation of a task; nil if it was not reported. A provider that
// calls everything unknown that it is asked, and refused to be asked for many,
// says nothing of any task.
func (f *fetch) said(a *asked) *task.Observation {
	switch {
	case !a.done && a.why == nil:
		return nil
	case !a.done:
		return &task.Observation{Failure: a.why}
	case a.obs == nil && a.ref.Alone:
		return &task.Observation{Failure: Unknown("")}
	case a.obs != nil && isUnknown(a.obs.Failure) && a.size > 0 && f.split && !f.succeeded:
		return &task.Observation{Failure: Transient(ReasonBadRequest, a.obs.Failure.Message)}
	}
	return a.obs
}

func isUnknown(f *task.Failure) bool { return f != nil && f.Verdict == task.UnknownTask }

func (f *fetch) err(ctx context.Context) error {
	switch {
	case f.common != nil && f.common.Unsent:
		return f.common
	case f.common != nil:
		return &task.PartError{Err: f.common, Asked: f.sent()}
	case f.ended != nil:
		return f.ended
	}
	return ctx.Err()
}

// sent are the ids of the tasks for which a call brought what concerns all.
func (f *fetch) sent() map[string]bool {
	sent := map[string]bool{}
	for _, a := range f.asks {
		for _, ref := range a.as {
			sent[ref.TaskID] = sent[ref.TaskID] || a.sent
		}
	}
	return sent
}

type noBatch struct{ why *task.Failure }

// Error implements error.
func (n noBatch) Error() string { return n.why.Error() }

// Unwrap is the failure.
func (n noBatch) Unwrap() error { return n.why }

// NoBatch is what [Round.Many] returns for a failure that may come of a server
// without a batch call: its tasks are asked for one by one, if the first of these
// calls is answered. Else they have failed with why.
func NoBatch(why *task.Failure) error { return noBatch{why} }

func isNoBatch(err error) bool {
	_, ok := errors.AsType[noBatch](err)
	return ok
}

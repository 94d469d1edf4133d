package upstream

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tasksync/task"
)

// How a round finds a task that breaks its batch call:
//
// A batch call whose failure smaller calls may avoid is made again in halves, side
// by side, until a failing task stands alone; the single call then asks for it. The
// calls go out level by level, so that n tasks wait for 1+log2(n) calls one after
// the other, and every task that the provider can answer is answered in the same
// Fetch. The result is remembered (suspects.go).
//
// A provider that is down would cost 2n calls that way. So while no call has
// succeeded, only four calls may fail, and the halves that go with them; then one
// task, drawn at random, is asked for alone. If that fails too, the round ends. Once
// a call has succeeded the provider is up, and the search goes on to its end. The
// exception: a cohort of almost only tasks that break calls, where the drawn task
// fails. Then each Fetch draws another task, and nothing is remembered, since it may
// be an outage.
const toleratedFailures = 4

// group is the tasks that one call asks for, all of one kind.
type group struct {
	looks  []*look
	single bool // by the single call
}

// pair is the groups whose calls begin together: the two halves of a group, or one
// group.
type pair []group

// run makes the calls of a round, level by level.
func (r *roundState) run(ctx context.Context, first []group) {
	level := make([]pair, len(first))
	for i, g := range first {
		level[i] = pair{g}
	}
	for began := true; len(level) > 0 && !r.over(ctx); began = false {
		level = r.smaller(ctx, r.makeCalls(ctx, level, began))
	}
}

// retry is a group whose tasks are to be asked for again, by smaller calls.
type retry struct {
	group
	oneByOne bool // there is no batch call
	held     bool // the call was not made: the provider seems to be down
}

// makeCalls makes the calls of pairs side by side and returns the groups to retry.
// The calls of the first level are made in any case. On the other levels, while no
// call has succeeded, a pair waits until it is known that not too many calls failed.
func (r *roundState) makeCalls(ctx context.Context, pairs []pair, first bool) []retry {
	var mu sync.Mutex
	var left []retry
	var calls sync.WaitGroup
	places := make(chan struct{}, max(1, r.FanOut))
	keep := func(again retry) {
		mu.Lock()
		defer mu.Unlock()
		left = append(left, again)
	}
	for _, p := range pairs {
		mayBegin := first || r.mayBegin()
		for _, g := range p {
			if !mayBegin {
				keep(retry{group: g, held: true})
				continue
			}
			places <- struct{}{}
			if r.over(ctx) {
				<-places
				continue
			}
			r.begin()
			calls.Go(func() {
				defer func() { r.end(); <-places }()
				if again, ok := r.ask(ctx, g); ok {
					keep(again)
				}
			})
		}
	}
	calls.Wait()
	return left
}

func (r *roundState) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.underWay++
}

func (r *roundState) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.underWay--
	r.idle.Broadcast()
}

// mayBegin waits until the calls under way have shown whether the provider answers,
// and reports whether more calls make sense.
func (r *roundState) mayBegin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.succeeded && r.underWay > 0 && r.failed+r.underWay >= toleratedFailures {
		r.idle.Wait()
	}
	return r.succeeded || r.failed < toleratedFailures
}

// ask makes the call of a group. ok is true when smaller calls may avoid its failure.
func (r *roundState) ask(ctx context.Context, g group) (again retry, ok bool) {
	if r.over(ctx) { // the call may have waited for its place
		return again, false
	}
	var sent atomic.Int64 // after the beginning of the round; 0: not sent
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { sent.CompareAndSwap(0, int64(max(1, time.Since(r.began)))) },
	})
	obs, err := r.call(ctx, g)
	r.mu.Lock()
	defer r.mu.Unlock()
	failure, isFailure := errors.AsType[*task.Failure](err)
	switch {
	case err == nil:
		r.succeeded = true
		for i, l := range g.looks {
			l.done, l.obs, l.failure, l.waited = true, obs[i], nil, time.Duration(sent.Load())
		}
	case !isFailure:
		r.ended = err
		if sent.Load() > 0 && errors.Is(err, context.DeadlineExceeded) {
			r.hung = true
			g.noteSize()
		}
	case concernsAll(failure):
		r.stop(failure)
		for _, l := range g.looks {
			l.sent = l.sent || !failure.Unsent
		}
	case failure.Unsent: // it says nothing new
		for _, l := range g.looks {
			l.failure = cmp.Or(l.failure, failure)
		}
	case isNoBatch(err):
		g.fail(failure)
		return retry{group: g, oneByOne: true}, true
	default:
		return r.callFailed(g, failure)
	}
	return again, false
}

// call makes the single call or the batch call.
func (r *roundState) call(ctx context.Context, g group) ([]*task.Observation, error) {
	ctx = g.claim(ctx)
	if g.single && r.One != nil {
		obs, err := r.One(ctx, g.looks[0].ref)
		return []*task.Observation{obs}, err
	}
	refs := make([]task.Ref, len(g.looks))
	for i, l := range g.looks {
		refs[i] = l.ref
	}
	kind := ""
	if r.Kind != nil {
		kind, _ = r.Kind(refs[0])
	}
	return r.Many(ctx, kind, refs)
}

// callFailed records the failure of a call. A verdict on a task counts only if the
// call was for that task alone. The caller holds the lock.
func (r *roundState) callFailed(g group, failure *task.Failure) (again retry, ok bool) {
	if len(g.looks) == 1 && failure.Verdict >= task.UnknownTask {
		l := g.looks[0]
		l.done, l.obs, l.failure = true, &task.Observation{Failure: failure}, nil
		if failure.Verdict == task.Permanent && !failure.Provisional {
			l.obs.Status = task.Failed
		}
		return again, false
	}
	if failure.Verdict >= task.UnknownTask {
		failure = Transient(ReasonBadRequest, failure.Message)
	}
	g.fail(failure)
	g.noteSize()
	r.failed++
	return retry{group: g}, len(g.looks) > 1
}

// fail records that a call for the group failed.
func (g group) fail(failure *task.Failure) {
	for _, l := range g.looks {
		l.failure = failure
	}
}

// noteSize records the size of the group, of which a call failed.
func (g group) noteSize() {
	for _, l := range g.looks {
		if l.size == 0 || len(g.looks) < l.size {
			l.size = len(g.looks)
		}
	}
}

// smaller returns the calls that follow the failed ones; none if the provider seems
// to be down.
func (r *roundState) smaller(ctx context.Context, left []retry) []pair {
	if at := slices.IndexFunc(left, func(g retry) bool { return g.oneByOne }); at >= 0 {
		if first := left[at].take(0); !r.askAlone(ctx, first) { // the lack of a batch call is not the cause
			left = slices.DeleteFunc(left, func(g retry) bool { return g.oneByOne })
		}
	}
	left = slices.DeleteFunc(left, func(g retry) bool { return len(g.looks) == 0 })
	if len(left) == 0 || r.over(ctx) {
		return nil
	}
	if r.seemsDown() {
		g := &left[rand.IntN(len(left))]
		if r.askAlone(ctx, g.take(rand.IntN(len(g.looks)))); r.seemsDown() {
			return nil
		}
	}
	var next []pair
	for _, g := range left {
		next = append(next, r.next(g)...)
	}
	return next
}

// seemsDown reports whether too many calls failed, and none succeeded.
func (r *roundState) seemsDown() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.succeeded && r.failed >= toleratedFailures
}

// take takes a look out of a group.
func (g *group) take(at int) *look {
	l := g.looks[at]
	g.looks = slices.Delete(slices.Clone(g.looks), at, at+1)
	return l
}

// askAlone asks for one task by the single call, and reports whether the provider
// answered.
func (r *roundState) askAlone(ctx context.Context, l *look) bool {
	r.ask(ctx, group{looks: []*look{l}, single: true})
	r.mu.Lock()
	defer r.mu.Unlock()
	return l.done
}

// next returns the calls for the tasks of a group: one for each half, or one for
// each task.
func (r *roundState) next(g retry) []pair {
	switch n := len(g.looks); {
	case n == 0:
		return nil
	case g.oneByOne:
		var each []pair
		for _, l := range g.looks {
			each = append(each, pair{{looks: []*look{l}, single: true}})
		}
		return each
	case g.held, n == 1:
		g.single = n == 1
		return []pair{{g.group}}
	default:
		r.halved = true // no call is under way
		half := n / 2
		return []pair{{
			{looks: g.looks[:half], single: half == 1},
			{looks: g.looks[half:], single: n-half == 1},
		}}
	}
}

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

	"tasksync/task"
)

// How a task that breaks the call for many is found:
//
// A batch call that fails with anything that smaller calls may mend is made again
// in halves, side by side, until a task that fails stands alone; there the single
// call asks for it. The calls go out level by level, so that n tasks wait for
// 1+log2(n) calls one after the other, and all that the provider can answer is
// answered in the same Fetch. What was found is remembered (suspects.go).
//
// A provider that is down would cost 2n calls like this. So as long as no call
// has succeeded, only four may fail, and the halves that go with them; then one
// task, drawn by chance, is asked for alone: if it fails too, the round ends. Once
// a call has succeeded the provider is up, and the search goes on to its end. What
// breaks the rule: a cohort of little but poison, whose drawn task fails. Then
// each Fetch draws another one, and nothing is remembered of what may be no more
// than an outage.
const toleratedFailures = 4

// group is some tasks that one call asks for.
type group struct {
	kind   string
	asks   []*asked
	single bool // by the single call
}

// pair is some groups whose calls begin together: the halves of one, or one.
type pair []group

// run makes the calls of a round, level by level.
func (f *fetch) run(ctx context.Context, first []group) {
	level := make([]pair, len(first))
	for i, g := range first {
		level[i] = pair{g}
	}
	for began := true; len(level) > 0 && !f.over(ctx); began = false {
		level = f.smaller(ctx, f.level(ctx, level, began))
	}
}

// outcome is a group whose tasks are to be asked for by smaller calls.
type outcome struct {
	group
	oneByOne bool // there is no batch call
	held     bool // the call was not made: the provider seems to be down
}

// level makes the calls of pairs side by side and returns what smaller calls may
// mend. The first level is what a Fetch costs in any case; on the others, while
// nothing has succeeded, a pair waits until it is known that there are not too
// many failures.
func (f *fetch) level(ctx context.Context, pairs []pair, first bool) []outcome {
	var mu sync.Mutex
	var left []outcome
	var calls sync.WaitGroup
	places := make(chan struct{}, max(1, f.FanOut))
	keep := func(o outcome) {
		mu.Lock()
		defer mu.Unlock()
		left = append(left, o)
	}
	for _, p := range pairs {
		mayBegin := first || f.mayBegin()
		for _, g := range p {
			if !mayBegin {
				keep(outcome{group: g, held: true})
				continue
			}
			places <- struct{}{}
			if f.over(ctx) {
				<-places
				continue
			}
			f.begin()
			calls.Go(func() {
				defer func() { f.end(); <-places }()
				if o, again := f.ask(ctx, g); again {
					keep(o)
				}
			})
		}
	}
	calls.Wait()
	return left
}

func (f *fetch) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.underWay++
}

func (f *fetch) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.underWay--
	f.idle.Broadcast()
}

// mayBegin waits until calls that are under way have shown whether the provider
// answers, and reports whether more calls make sense.
func (f *fetch) mayBegin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.succeeded && f.underWay > 0 && f.failed+f.underWay >= toleratedFailures {
		f.idle.Wait()
	}
	return f.succeeded || f.failed < toleratedFailures
}

// ask makes the call of a group; again: smaller calls may mend what came.
func (f *fetch) ask(ctx context.Context, g group) (o outcome, again bool) {
	if f.over(ctx) { // it may have waited for a place among the calls
		return o, false
	}
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { sent.Store(true) },
	})
	obs, err := f.call(ctx, g)
	f.mu.Lock()
	defer f.mu.Unlock()
	why, isFailure := errors.AsType[*task.Failure](err)
	switch {
	case err == nil:
		f.succeeded = true
		for i, a := range g.asks {
			a.done, a.obs, a.why = true, obs[i], nil
		}
	case !isFailure:
		f.ended = err
		if sent.Load() && errors.Is(err, context.DeadlineExceeded) {
			f.hung = true
			g.shrink()
		}
	case ConcernsAll(why):
		f.stop(why)
		for _, a := range g.asks {
			a.sent = a.sent || !why.Unsent
		}
	case why.Unsent: // nothing was learnt
		for _, a := range g.asks {
			a.why = cmp.Or(a.why, why)
		}
	case isNoBatch(err):
		g.fail(why)
		return outcome{group: g, oneByOne: true}, true
	default:
		return f.failure(g, why)
	}
	return o, false
}

// call makes the single call, or the batch call; of either there may be none.
func (f *fetch) call(ctx context.Context, g group) ([]*task.Observation, error) {
	if g.single {
		obs, err := f.One(ctx, g.asks[0].ref)
		return []*task.Observation{obs}, err
	}
	refs := make([]task.Ref, len(g.asks))
	for i, a := range g.asks {
		refs[i] = a.ref
	}
	return f.Many(ctx, g.kind, refs)
}

// failure notes why a call failed. What is said of a task counts only if the
// call was for that task alone. The caller holds the lock.
func (f *fetch) failure(g group, why *task.Failure) (o outcome, again bool) {
	if len(g.asks) == 1 && why.Verdict >= task.UnknownTask {
		a := g.asks[0]
		a.done, a.obs, a.why = true, &task.Observation{Failure: why}, nil
		if why.Verdict == task.Permanent && !why.Provisional {
			a.obs.Status = task.Failed
		}
		return o, false
	}
	if why.Verdict >= task.UnknownTask {
		why = Transient(ReasonBadRequest, why.Message)
	}
	g.fail(why)
	g.shrink()
	f.failed++
	return outcome{group: g}, len(g.asks) > 1
}

// fail notes why a call for the group failed.
func (g group) fail(why *task.Failure) {
	for _, a := range g.asks {
		a.why = why
	}
}

// shrink notes that a call for so many failed.
func (g group) shrink() {
	for _, a := range g.asks {
		if a.size == 0 || len(g.asks) < a.size {
			a.size = len(g.asks)
		}
	}
}

// smaller returns the calls that come after those that failed; none if the
// provider seems to be down.
func (f *fetch) smaller(ctx context.Context, left []outcome) []pair {
	if at := slices.IndexFunc(left, func(o outcome) bool { return o.oneByOne }); at >= 0 {
		if scout := left[at].take(0); !f.probe(ctx, scout) { // so it was not for the lack of a batch call
			left = slices.DeleteFunc(left, func(o outcome) bool { return o.oneByOne })
		}
	}
	left = slices.DeleteFunc(left, func(o outcome) bool { return len(o.asks) == 0 })
	if len(left) == 0 || f.over(ctx) {
		return nil
	}
	if f.doubtful() {
		o := &left[rand.IntN(len(left))]
		if f.probe(ctx, o.take(rand.IntN(len(o.asks)))); f.doubtful() {
			return nil
		}
	}
	var next []pair
	for _, o := range left {
		next = append(next, f.next(o)...)
	}
	return next
}

// doubtful reports whether the provider seems to be down.
func (f *fetch) doubtful() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.succeeded && f.failed >= toleratedFailures
}

// take takes a task out of a group.
func (g *group) take(at int) *asked {
	a := g.asks[at]
	g.asks = slices.Delete(slices.Clone(g.asks), at, at+1)
	return a
}

// probe asks for one task alone, and reports whether the provider knew the call.
func (f *fetch) probe(ctx context.Context, a *asked) bool {
	f.ask(ctx, group{asks: []*asked{a}, single: true})
	f.mu.Lock()
	defer f.mu.Unlock()
	return a.done
}

// next are the calls for the tasks of a group: one for each half of those that a
// call failed for, or one for each task.
func (f *fetch) next(o outcome) []pair {
	switch n := len(o.asks); {
	case n == 0:
		return nil
	case o.oneByOne:
		var each []pair
		for _, a := range o.asks {
			each = append(each, pair{{asks: []*asked{a}, single: true}})
		}
		return each
	case o.held, n == 1:
		o.single = n == 1
		return []pair{{o.group}}
	default:
		f.split = true // no call is under way
		half := n / 2
		return []pair{{
			{kind: o.kind, asks: o.asks[:half], single: half == 1},
			{kind: o.kind, asks: o.asks[half:], single: n-half == 1},
		}}
	}
}

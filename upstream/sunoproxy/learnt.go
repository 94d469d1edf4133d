package sunoproxy

import (
	"log/slog"
	"sync"
	"time"

	"tasksync/task"
	"tasksync/upstream"
)

// forgetAfter is how long it is taken for granted that a server has no batch
// call: one mistake must not cost a hundred times the requests for good.
const forgetAfter = 15 * time.Minute

// learnt is what the server was found to be able to do. It has one base URL, and
// so has what is learnt here.
type learnt struct {
	logger *slog.Logger

	mu          sync.Mutex
	batches     bool      // the batch call has been answered
	doubt       doubt     // of the last batch call
	taught      doubt     // what singleUntil comes of
	singleUntil time.Time // only single calls until then
}

// doubt is whether a batch call that failed exists.
type doubt int

const (
	noDoubt   doubt = iota
	someDoubt       // it may be what was asked for that broke the call
	noCall          // the server says that there is no such call
)

// single reports whether tasks are asked for one by one.
func (l *learnt) single(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.singleUntil)
}

// knowsBatches reports whether the batch call has been answered.
func (l *learnt) knowsBatches() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.batches
}

// batched notes that the batch call was answered.
func (l *learnt) batched() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches, l.doubt, l.singleUntil = true, noDoubt, time.Time{}
}

// asked notes whether the single call was answered. If it was after a batch call
// that was not, the server has no batch call; unless another single call fails, so
// that it may have been the task that breaks it.
func (l *learnt) asked(now time.Time, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.doubt != noDoubt && answered:
		if !now.Before(l.singleUntil) {
			l.logger.Info("[TaskSync] The upstream has no batch call; tasks are asked for one by one", "provider", name)
		}
		l.batches, l.taught, l.singleUntil = false, l.doubt, now.Add(forgetAfter)
	case !answered && l.taught == someDoubt:
		l.singleUntil = time.Time{}
	}
	l.doubt = noDoubt
}

// doubts reports whether the failure f of a batch call may come of a server that
// has none, and notes it. Where the batch call has been answered before, only a
// call that does not exist does: the rest is about what was asked for.
func (l *learnt) doubts(f *task.Failure) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubt = noDoubt
	switch f.Reason {
	case upstream.ReasonNoCall:
		l.doubt = noCall
	case upstream.ReasonUnknownTask, upstream.ReasonBadRequest, upstream.ReasonHTTP4xx, upstream.ReasonBadBody:
		if !l.batches {
			l.doubt = someDoubt
		}
	}
	return l.doubt != noDoubt
}

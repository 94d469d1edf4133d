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
	singleUntil time.Time // only single calls until then
}

// single reports whether tasks are asked for one by one.
func (l *learnt) single(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.singleUntil)
}

// batched notes that the batch call was answered.
func (l *learnt) batched() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches, l.singleUntil = true, time.Time{}
}

// unbatched notes that the batch call was not answered, and a single one was.
func (l *learnt) unbatched(now time.Time, f *task.Failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.batches && f.Reason != reasonNoBatch {
		return // it was one request that the server did not like
	}
	if !now.Before(l.singleUntil) {
		l.logger.Info("[TaskSync] The upstream has no batch call; tasks are asked for one by one", "provider", Name)
	}
	l.batches, l.singleUntil = false, now.Add(forgetAfter)
}

// doubts reports whether f may come of a server that has no batch call. Pages
// come from broken servers as well, so that they say nothing of one whose batch
// call has been answered.
func (l *learnt) doubts(f *task.Failure) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch f.Reason {
	case reasonNoBatch, reasonBadRequest, upstream.ReasonNoCall, upstream.ReasonHTTP4xx:
		return true
	case upstream.ReasonBadBody, upstream.ReasonTooLarge:
		return !l.batches
	}
	return false
}

package sunoproxy

import (
	"log/slog"
	"sync"
	"time"

	"tasksync/task"
	"tasksync/upstream"
)

// forgetAfter is how long the adapter believes that a server has no batch call: one
// mistake must not cost a hundred times the calls for good.
const forgetAfter = 15 * time.Minute

// batchSupport is what is known about the server's batch call.
type batchSupport struct {
	logger *slog.Logger

	mu          sync.Mutex
	answered    bool      // the batch call has been answered
	doubt       doubt     // about the last batch call
	cause       doubt     // the doubt that set singleUntil
	singleUntil time.Time // until then only single calls
}

// doubt is whether a batch call that failed exists.
type doubt int

const (
	noDoubt   doubt = iota
	someDoubt       // the tasks of the call may have broken it
	noCall          // the server says that there is no such call
)

// missing reports whether the server is believed to have no batch call.
func (b *batchSupport) missing(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.singleUntil)
}

// exists reports whether the batch call has been answered.
func (b *batchSupport) exists() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answered
}

// batchAnswered records that the batch call was answered.
func (b *batchSupport) batchAnswered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered, b.doubt, b.singleUntil = true, noDoubt, time.Time{}
}

// singleAsked records whether the single call was answered. If it was, after a batch
// call that was not, the server has no batch call; unless another single call fails,
// so that a task may have broken the batch call.
func (b *batchSupport) singleAsked(now time.Time, answered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.doubt != noDoubt && answered:
		if !now.Before(b.singleUntil) {
			b.logger.Info("[TaskSync] The provider has no batch call; tasks are asked for one by one", "provider", name)
		}
		b.answered, b.cause, b.singleUntil = false, b.doubt, now.Add(forgetAfter)
	case !answered && b.cause == someDoubt:
		b.singleUntil = time.Time{}
	}
	b.doubt = noDoubt
}

// batchFailed records that the batch call failed with f, and reports whether the lack
// of a batch call may be the cause. Once the batch call has been answered, only an
// answer that there is no such call leaves doubt: other failures come from the tasks.
func (b *batchSupport) batchFailed(f *task.Failure) (doubtful bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doubt = noDoubt
	switch f.Reason {
	case upstream.ReasonNoCall:
		b.doubt = noCall
	case upstream.ReasonUnknownTask, upstream.ReasonBadRequest, upstream.ReasonHTTP4xx, upstream.ReasonBadBody:
		if !b.answered {
			b.doubt = someDoubt
		}
	}
	return b.doubt != noDoubt
}

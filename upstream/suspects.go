package upstream

import (
	"context"
	"errors"
	"sync"
	"time"

	"tasksync/internal/recent"
)

// How tasks in failed calls are remembered.
const (
	maxSuspects   = 10_000           // in each of the two generations of recent.Map
	forgetSuspect = 10 * time.Minute // after the last failed call for the task
	firstWait     = 5 * time.Second  // of a task that fails alone; then doubling
	longestWait   = 2 * time.Minute
)

// Suspects remembers the tasks of failed calls from one Fetch to the next. A task in
// a failed call for n tasks is asked for together with n/2 tasks at most. A task that
// fails alone is asked for alone, and less and less often. A call that succeeds
// clears its tasks. So a task that breaks calls costs one call of its own, not a
// search each time; and where a call that hangs leaves no time for a search, the
// next Fetch goes on with it.
//
// It is bounded, forgets, and is safe for concurrent use. The zero value is ready;
// nil remembers nothing.
type Suspects struct {
	mu    sync.Mutex
	tasks recent.Map[suspect] // by task id
}

type suspect struct {
	limit int  // most tasks of a call for the task; 0: no limit
	alone int  // failures in a row of calls for the task alone
	once  bool // the batch call failed for the task alone, while nothing was known of the provider
	at    time.Time
}

func (s *Suspects) get(id string) suspect {
	e, _ := s.tasks.Get(id)
	if time.Since(e.at) > forgetSuspect {
		return suspect{}
	}
	return e
}

func (s *Suspects) put(id string, e suspect) {
	s.tasks.Size = maxSuspects
	e.at = time.Now()
	s.tasks.Put(id, e, e.at)
}

// batchLimit is how many tasks a call for this task may ask for at most.
func (s *Suspects) batchLimit(id string, batch int) int {
	if s == nil {
		return batch
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit := s.get(id).limit; limit > 0 {
		return min(limit, batch)
	}
	return batch
}

// single reports whether the batch call for this task alone failed last time, so
// that the single call is tried.
func (s *Suspects) single(id string) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(id).once
}

// clear forgets a task that was answered.
func (s *Suspects) clear(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.tasks.Get(id); known {
		s.put(id, suspect{})
	}
}

// note remembers that the smallest failed call for a task asked for size tasks.
// sure: the provider is known to be up, or a search for the task was cut short. note
// returns how long a task that failed alone is to wait.
func (s *Suspects) note(id string, size int, sure bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.get(id)
	switch {
	case size > 1 && sure:
		e.limit = max(1, size/2)
	case size > 1:
		return 0
	case !sure && e.limit != 1:
		e.once = true
	default:
		e.limit = 1
		e.alone++
	}
	s.put(id, e)
	if e.alone == 0 {
		return 0
	}
	return min(firstWait<<min(e.alone-1, 10), longestWait)
}

// remember records in Suspects what the round has found. It records nothing when the
// provider was found to be down: an outage must not separate all tasks.
func (r *roundState) remember(ctx context.Context) {
	if r.Suspects == nil {
		return
	}
	sure := r.succeeded || r.hung || r.cutShort(ctx)
	for _, l := range r.looks {
		switch {
		case l.size > 0 && !l.done:
			wait := r.Suspects.note(l.ref.TaskID, l.size, sure)
			if l.failure != nil && wait > l.failure.RetryAfter {
				own := *l.failure
				own.RetryAfter = wait
				l.failure = &own
			}
		case l.done:
			r.Suspects.clear(l.ref.TaskID)
		}
	}
}

// cutShort reports whether there was no time left for calls.
func (r *roundState) cutShort(ctx context.Context) bool {
	if r.common != nil {
		return r.common.Reason == ReasonTurnedAway
	}
	return errors.Is(ctx.Err(), context.DeadlineExceeded)
}

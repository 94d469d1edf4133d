package upstream

import (
	"context"
	"errors"
	"sync"
	"time"
)

// What is remembered of tasks that calls failed for.
const (
	maxSuspects   = 10_000           // of each of two generations
	forgetSuspect = 10 * time.Minute // after the last call that failed for it
	firstWait     = 5 * time.Second  // of a task that fails alone; doubling
	longestWait   = 2 * time.Minute
)

// Suspects remembers the tasks that calls failed for, from one Fetch to the next.
// A task that a call for n failed for is asked for with n/2 at most, one that fails
// alone is asked for alone and less and less often, and a call that succeeds
// clears its tasks. So a task that breaks calls costs one call of its own, not a
// search each time; and where a call that hangs leaves no time for a search, the
// next Fetch goes on with it.
//
// It is bounded, forgets, and is safe for concurrent use. The zero value is ready;
// nil remembers nothing.
type Suspects struct {
	mu       sync.Mutex
	now, old map[string]suspect // new entries go to now; when it is full, it becomes old
}

type suspect struct {
	limit int  // most tasks of a call for it; 0: no limit
	alone int  // failures in a row alone
	once  bool // the batch call failed for it alone, while nothing was known of the provider
	at    time.Time
}

func (s *Suspects) get(id string) suspect {
	e, ok := s.now[id]
	if !ok {
		e = s.old[id]
	}
	if time.Since(e.at) > forgetSuspect {
		return suspect{}
	}
	return e
}

func (s *Suspects) put(id string, e suspect) {
	if len(s.now) >= maxSuspects {
		s.now, s.old = nil, s.now
	}
	if s.now == nil {
		s.now = map[string]suspect{}
	}
	e.at = time.Now()
	s.now[id] = e
}

// trust is with how many others at most a task is asked for, itself included.
func (s *Suspects) trust(id string, batch int) int {
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

// single reports whether the batch call for this task alone failed the last time,
// so that the single call is tried.
func (s *Suspects) single(id string) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(id).once
}

// clear forgets a task that a call brought an answer for.
func (s *Suspects) clear(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.now, id)
	delete(s.old, id)
}

// note remembers that the smallest call that failed for a task was for size of
// them. sure: the provider is known to be up, or a search for the task was cut
// short. It returns how long a task that failed alone is to wait.
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

// remember enters what a round has found. It is what a search was for, so it says
// nothing when the provider was found to be down: an outage must not part all
// tasks.
func (f *fetch) remember(ctx context.Context) {
	if f.Suspects == nil {
		return
	}
	sure := f.succeeded || f.hung || f.cutShort(ctx)
	for _, a := range f.asks {
		switch {
		case a.size > 0 && !a.done:
			wait := f.Suspects.note(a.ref.TaskID, a.size, sure)
			if a.why != nil && wait > a.why.RetryAfter {
				own := *a.why
				own.RetryAfter = wait
				a.why = &own
			}
		case a.done:
			f.Suspects.clear(a.ref.TaskID)
		}
	}
}

// cutShort reports whether there was no time for calls that were still to come.
func (f *fetch) cutShort(ctx context.Context) bool {
	if f.common != nil {
		return f.common.Reason == ReasonTurnedAway
	}
	return errors.Is(ctx.Err(), context.DeadlineExceeded)
}

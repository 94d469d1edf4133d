package api

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxUsers is how many users' buckets are kept at most. Those of users who have
// been quiet long enough for a full bucket are forgotten first.
const maxUsers = 10_000

// streamBursts is how many times UserBurst streams a user may open at once: all
// pages of a user come back together when a daemon starts again.
const streamBursts = 5

// limiter has a token bucket for each user.
type limiter struct {
	limit rate.Limit
	burst int
	now   func() time.Time

	mu    sync.Mutex
	users map[string]*rate.Limiter
}

func newLimiter(perSecond float64, burst int, now func() time.Time) *limiter {
	return &limiter{limit: rate.Limit(perSecond), burst: burst, now: now, users: map[string]*rate.Limiter{}}
}

// take takes a token of the user, or tells when there is one again.
func (l *limiter) take(user string) error {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.users[user]
	if bucket == nil {
		l.forget(now)
		bucket = rate.NewLimiter(l.limit, l.burst)
		l.users[user] = bucket
	}
	r := bucket.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return limitedError{wait}
	}
	return nil
}

// forget makes room: full buckets say nothing, and if all say something, then all
// of them start anew.
func (l *limiter) forget(now time.Time) {
	if len(l.users) < maxUsers {
		return
	}
	for user, bucket := range l.users {
		if bucket.TokensAt(now) >= float64(l.burst) {
			delete(l.users, user)
		}
	}
	if len(l.users) >= maxUsers {
		clear(l.users)
	}
}

// How many requests are served at once. One that looks at rows may take 10 s,
// most of which it waits for the upstream; one that reads takes milliseconds.
const (
	maxSyncs = 32
	maxReads = 64
	// maxTickets is of those that issue or take a ticket: anybody may come with one
	// that he made up, and who waits must not wait in the queue of the pool, where
	// the jobs wait too.
	maxTickets = 3
	// gateWait is how long a request waits for its turn.
	gateWait = 2 * time.Second
)

// gate bounds how many are inside.
type gate chan struct{}

func newGate(n int) gate { return make(gate, n) }

// enter waits for a place; the caller must leave.
func (g gate) enter(ctx context.Context) (leave func(), err error) {
	timer := time.NewTimer(gateWait)
	defer timer.Stop()
	select {
	case g <- struct{}{}:
		return func() { <-g }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, errBusy
	}
}

// userGate bounds how many requests each user has inside.
type userGate struct {
	limit int

	mu    sync.Mutex
	users map[string]int
}

func newUserGate(limit int) *userGate { return &userGate{limit: limit, users: map[string]int{}} }

// enter takes a share of the user; the caller must leave. Who has no share left is
// told at once.
func (s *userGate) enter(user string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[user] >= s.limit {
		return nil, limitedError{time.Second}
	}
	s.users[user]++
	return func() { s.leave(user) }, nil
}

func (s *userGate) leave(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[user]--; s.users[user] == 0 {
		delete(s.users, user)
	}
}

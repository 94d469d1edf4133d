package api

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxUsers is how many users' buckets are kept at most. Full buckets, of users who
// have sent nothing for a while, are dropped first.
const maxUsers = 10_000

// streamBursts times UserBurst is how many streams a user may open in a row: all pages
// of a user reconnect together when a daemon restarts.
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

// take takes a token from the user's bucket, or returns a limitedError with the time
// until there is one.
func (l *limiter) take(user string) error {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.users[user]
	if bucket == nil {
		l.makeRoom(now)
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

// makeRoom drops full buckets, which are like new ones. If no bucket is full, it drops
// all of them.
func (l *limiter) makeRoom(now time.Time) {
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

// How many requests are served at once. A POST may take 10 s, and waits for the
// upstream most of the time; a request that reads takes milliseconds.
const (
	maxSyncs = 32
	maxReads = 64
	// maxTickets is for requests that issue or redeem a ticket: forged tickets must not
	// occupy database connections that the jobs need.
	maxTickets = 3
	// gateWait is how long a request waits for a place.
	gateWait = 2 * time.Second
)

// gate bounds how many requests are inside at once.
type gate chan struct{}

func newGate(n int) gate { return make(gate, n) }

// enter waits for a place; the caller must call leave.
func (g gate) enter(ctx context.Context) (leave func(), err error) {
	select {
	case g <- struct{}{}:
		return func() { <-g }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(gateWait):
		return nil, errBusy
	}
}

// userGate bounds how many requests of each user are inside at once.
type userGate struct {
	limit int

	mu    sync.Mutex
	users map[string]int
}

func newUserGate(limit int) *userGate { return &userGate{limit: limit, users: map[string]int{}} }

// enter takes a place of the user's; the caller must call leave. If the user has no
// place left, it returns a limitedError at once.
func (g *userGate) enter(user string) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users[user] >= g.limit {
		return nil, limitedError{time.Second}
	}
	g.users[user]++
	return func() { g.leave(user) }, nil
}

func (g *userGate) leave(user string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users[user]--; g.users[user] == 0 {
		delete(g.users, user)
	}
}

package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
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

// readBursts times UserRate and UserBurst is how many reading requests a user may send:
// all pages of a user read anew together when their streams are reset.
const readBursts = 5

// limiter has a token bucket for each user.
type limiter struct {
	name  string // of the policy, in the headers of the responses
	limit rate.Limit
	burst int
	now   func() time.Time

	mu    sync.Mutex
	users map[string]*rate.Limiter
}

func newLimiter(name string, perSecond float64, burst int, now func() time.Time) *limiter {
	return &limiter{name: name, limit: rate.Limit(perSecond), burst: burst, now: now, users: map[string]*rate.Limiter{}}
}

// take takes a token from the user's bucket, or returns a limitedError with the time
// until there is one. The response to the request says what is left.
func (l *limiter) take(ctx context.Context, user string) error {
	_, err := l.reserve(ctx, user, 0)
	return err
}

// await is take for requests that wait for their token if it comes within patience.
func (l *limiter) await(ctx context.Context, user string, patience time.Duration) error {
	delay, err := l.reserve(ctx, user, patience)
	if err != nil || delay == 0 {
		return err
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reserve takes a token that is there, or that comes within patience, and returns the time
// until it comes.
func (l *limiter) reserve(ctx context.Context, user string, patience time.Duration) (time.Duration, error) {
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
	delay := r.DelayFrom(now)
	if delay > patience {
		r.CancelAt(now)
	}
	l.tell(responseHeader(ctx), bucket.TokensAt(now))
	if delay > patience {
		return 0, limitedError{delay}
	}
	return delay, nil
}

// tell sets the fields of draft-ietf-httpapi-ratelimit-headers: the bucket as a quota for
// the time that fills it, and what is left of it until the next token comes.
func (l *limiter) tell(h http.Header, tokens float64) {
	left := math.Floor(max(tokens, 0))
	h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%s", l.name, l.burst, seconds(l.timeFor(float64(l.burst)))))
	h.Set("RateLimit", fmt.Sprintf("%q;r=%.0f;t=%s", l.name, left, seconds(l.timeFor(left+1-tokens))))
}

func (l *limiter) timeFor(tokens float64) time.Duration {
	return time.Duration(tokens / float64(l.limit) * float64(time.Second))
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

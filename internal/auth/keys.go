package auth

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// demandSpacing lies between the answer to one demand and the next, so that a
	// flood of tokens with made-up kids costs the JWKS server little.
	demandSpacing = 10 * time.Second
	maxWait       = 3 * time.Second // for a demand
	fetchTimeout  = 5 * time.Second
	minRetry      = time.Second
	maxRetry      = time.Minute
)

// keys is the cache of a JWKS. One loop, run, fetches; the callers of get read
// what it has stored, and may demand a fetch.
type keys struct {
	url      string
	client   *http.Client
	interval time.Duration
	timeout  time.Duration // fetchTimeout
	wait     time.Duration // maxWait
	now      func() time.Time
	log      *fetchLog // run's own

	set     atomic.Pointer[keySet] // nil: the server has never answered
	retry   time.Duration          // run's own; 0: the last fetch succeeded
	demands chan *demand           // to run; holds a demand that is not taken yet

	mu   sync.Mutex
	last *demand // at most this one is unanswered
}

// demand is a fetch that calls of get wait for together.
type demand struct {
	done     chan struct{} // closed when answered
	answered time.Time     // guarded by keys.mu; zero: not yet
}

func newKeys(cfg Config) *keys {
	return &keys{
		url:      cfg.JWKSURL,
		client:   sameHostOnly(cfg.Client),
		interval: cfg.RefreshInterval,
		timeout:  fetchTimeout,
		wait:     maxWait,
		now:      cfg.Now,
		log:      &fetchLog{logger: cfg.Logger, now: cfg.Now},
		demands:  make(chan *demand, 1),
	}
}

// get returns the key that a token with that kid and alg must be signed with. An
// unknown kid makes it wait for a fetch.
func (k *keys) get(ctx context.Context, kid, alg string) (any, error) {
	key, err := k.find(kid, alg)
	if !errors.Is(err, unknownKey) && !errors.Is(err, ErrKeys) {
		return key, err
	}
	k.await(ctx, k.demand())
	return k.find(kid, alg)
}

func (k *keys) find(kid, alg string) (any, error) {
	set := k.set.Load()
	if set == nil {
		return nil, ErrKeys
	}
	return set.find(kid, alg)
}

// demand returns the demand that an unknown kid waits for: a new one, if the last
// one's answer is old enough, or else the last one, answered or not.
func (k *keys) demand() *demand {
	k.mu.Lock()
	defer k.mu.Unlock()
	if d := k.last; d != nil && (d.answered.IsZero() || k.now().Sub(d.answered) < demandSpacing) {
		return d
	}
	k.last = &demand{done: make(chan struct{})}
	k.demands <- k.last // the one before is answered, so run has taken it
	return k.last
}

func (k *keys) await(ctx context.Context, d *demand) {
	timer := time.NewTimer(k.wait)
	defer timer.Stop()
	select {
	case <-d.done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (k *keys) answer(d *demand) {
	k.mu.Lock()
	d.answered = k.now()
	k.mu.Unlock()
	close(d.done)
}

// run fetches at once, at each interval and at each demand, until ctx ends.
func (k *keys) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			k.refresh(ctx)
		case d := <-k.demands:
			k.refresh(ctx)
			k.answer(d)
		}
		timer.Reset(k.next())
	}
}

// refresh replaces the keys by those that the server has now, so that a key that
// it took away is gone; if it does not answer, the keys stay.
func (k *keys) refresh(ctx context.Context) {
	set, err := k.fetch(ctx)
	switch {
	case ctx.Err() != nil: // the end is no failure of the server
	case err != nil:
		k.retry = min(max(2*k.retry, minRetry), maxRetry)
		k.log.failed(err, k.set.Load() != nil)
	default:
		k.retry = 0
		k.set.Store(set)
		k.log.loaded(set)
	}
}

// next is the time until the next fetch.
func (k *keys) next() time.Duration {
	if k.retry > 0 {
		return min(k.retry, k.interval)
	}
	return k.interval
}

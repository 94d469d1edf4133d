package auth

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tasksync/internal/wait"
)

const (
	// demandSpacing is the time from the end of one demand to the next demand, so that
	// a flood of tokens with made-up kids costs the JWKS server little.
	demandSpacing = 10 * time.Second
	demandTimeout = 3 * time.Second // of a caller that waits for a demand
	fetchTimeout  = 5 * time.Second
	minRetry      = time.Second
	maxRetry      = time.Minute
)

// keys is the cache of a JWKS. One loop, run, fetches the keys; the callers of get
// read what run has stored, and may demand a fetch.
type keys struct {
	url      string
	client   *http.Client
	interval time.Duration
	timeout  time.Duration // fetchTimeout
	maxWait  time.Duration // demandTimeout
	now      func() time.Time
	log      *fetchLog    // run's own
	backoff  wait.Backoff // run's own

	set     atomic.Pointer[keySet] // nil: no fetch has succeeded yet
	demands chan *demand           // to run; holds a demand that run has not taken yet

	mu   sync.Mutex
	last *demand // all demands before it are done
}

// demand is a fetch that several callers of get wait for.
type demand struct {
	done  chan struct{} // closed after the fetch
	ended time.Time     // of the fetch; guarded by keys.mu; zero: not yet
}

func newKeys(cfg Config) *keys {
	return &keys{
		url:      cfg.JWKSURL,
		client:   sameHostOnly(cfg.Client),
		interval: cfg.RefreshInterval,
		timeout:  fetchTimeout,
		maxWait:  demandTimeout,
		backoff:  wait.Backoff{Least: minRetry, Most: maxRetry},
		now:      cfg.Now,
		log:      newFetchLog(cfg),
		demands:  make(chan *demand, 1),
	}
}

// get returns the key that a token with that kid and alg must be signed with. For
// an unknown kid it waits for a fetch.
func (k *keys) get(ctx context.Context, kid, alg string) (any, error) {
	key, err := k.find(kid, alg)
	if !errors.Is(err, unknownKey) && !errors.Is(err, ErrKeys) {
		return key, err
	}
	k.waitFor(ctx, k.demand())
	return k.find(kid, alg)
}

func (k *keys) find(kid, alg string) (any, error) {
	set := k.set.Load()
	if set == nil {
		return nil, ErrKeys
	}
	return set.find(kid, alg)
}

// demand returns the demand that an unknown kid waits for: the last one while it is
// under way or ended less than demandSpacing ago, else a new one.
func (k *keys) demand() *demand {
	k.mu.Lock()
	defer k.mu.Unlock()
	if d := k.last; d != nil && (d.ended.IsZero() || k.now().Sub(d.ended) < demandSpacing) {
		return d
	}
	k.last = &demand{done: make(chan struct{})}
	k.demands <- k.last // does not block: run has taken the demand before
	return k.last
}

// waitFor waits until d is done, but not for long.
func (k *keys) waitFor(ctx context.Context, d *demand) {
	select {
	case <-d.done:
	case <-time.After(k.maxWait):
	case <-ctx.Done():
	}
}

func (k *keys) finish(d *demand) {
	k.mu.Lock()
	d.ended = k.now()
	k.mu.Unlock()
	close(d.done)
}

// run fetches at once, at each interval and at each demand, until ctx ends.
func (k *keys) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var next time.Duration
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			next = k.refresh(ctx)
		case d := <-k.demands:
			next = k.refresh(ctx)
			k.finish(d)
		}
		timer.Reset(next)
	}
}

// refresh replaces the keys by the server's present ones, so that a key that the
// server no longer publishes is gone. If the fetch fails, the keys stay. It returns
// the time until the next fetch.
func (k *keys) refresh(ctx context.Context) (next time.Duration) {
	set, err := k.fetch(ctx)
	switch {
	case ctx.Err() != nil: // Run is over: not a failure of the server
	case err != nil:
		k.log.failed(err, k.set.Load() != nil)
		return min(k.backoff.Next(), k.interval)
	default:
		k.backoff.Reset()
		k.set.Store(set)
		k.log.loaded(set)
	}
	return k.interval
}

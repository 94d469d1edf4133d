package auth

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tasksync/internal/recent"
	"tasksync/internal/wait"
)

const (
	// demandSpacing is the time from the end of one demand to the next demand, so that
	// a flood of tokens with made-up kids costs the JWKS server little.
	demandSpacing = 10 * time.Second
	demandTimeout = 3 * time.Second // of a caller that waits for a demand
	fetchTimeout  = 5 * time.Second
	maxSeen       = 1000 // unknown kids that are remembered, at least
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
	demands chan *demand           // to run; holds the slots' demands that run has not taken yet

	mu        sync.Mutex
	last      [slots]*demand  // all demands before it are done
	begun     int             // fetches
	succeeded int             // the number, in their order, of the last fetch that succeeded
	seen      recent.Map[int] // how many fetches had begun when an unknown kid was first seen
}

// slot bounds the demands of one sort of tokens. Tokens of one sort never delay those
// of the other.
type slot int

const (
	slotTrusted slot = iota // tokens of the issuer that verified tokens, or the Config, name
	slotOther
	slots
)

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
		demands:  make(chan *demand, slots),
		seen:     recent.Map[int]{Size: maxSeen},
	}
}

// get returns the keys that a token with that kid and alg may be signed with. For an
// unknown kid it waits for a fetch. The kid is unknown for certain only if a fetch has
// succeeded that began after the kid was first seen; else the error is a StaleError.
func (k *keys) get(ctx context.Context, kid, alg string, from slot) (jwt.VerificationKeySet, error) {
	set, err := k.find(kid, alg)
	if !errors.Is(err, unknownKey) && !errors.Is(err, ErrKeys) {
		return set, err
	}
	fetches := k.firstSeen(kid)
	k.waitFor(ctx, k.demand(from))
	set, err = k.find(kid, alg)
	if errors.Is(err, unknownKey) && k.begunAndDone(fetches) {
		return set, err
	}
	if errors.Is(err, unknownKey) {
		return set, StaleError{After: k.nextDemand(from)}
	}
	return set, err
}

func (k *keys) find(kid, alg string) (jwt.VerificationKeySet, error) {
	set := k.set.Load()
	if set == nil {
		return jwt.VerificationKeySet{}, ErrKeys
	}
	return set.find(kid, alg)
}

// firstSeen returns how many fetches had begun when the kid was first seen.
func (k *keys) firstSeen(kid string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n, ok := k.seen.Get(kid); ok {
		return n
	}
	k.seen.Put(kid, k.begun, k.now())
	return k.begun
}

// begunAndDone reports whether a fetch has succeeded that began after so many others.
func (k *keys) begunAndDone(others int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.succeeded > others
}

// demand returns the demand that an unknown kid waits for: the slot's last one while it
// is under way or ended less than demandSpacing ago, else a new one.
func (k *keys) demand(from slot) *demand {
	k.mu.Lock()
	defer k.mu.Unlock()
	if d := k.last[from]; d != nil && (d.ended.IsZero() || k.now().Sub(d.ended) < demandSpacing) {
		return d
	}
	d := &demand{done: make(chan struct{})}
	k.last[from] = d
	k.demands <- d // does not block: run has taken the slot's demand before
	return d
}

// nextDemand returns the time until the slot may demand a fetch again.
func (k *keys) nextDemand(from slot) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	d := k.last[from]
	if d == nil || d.ended.IsZero() {
		return time.Second
	}
	return max(time.Second, demandSpacing-k.now().Sub(d.ended))
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
	fetch := k.begin()
	set, err := k.fetch(ctx)
	switch {
	case ctx.Err() != nil: // Run is over: not a failure of the server
	case err != nil:
		k.log.failed(err, k.set.Load() != nil)
		return min(k.backoff.Next(), k.interval)
	default:
		k.backoff.Reset()
		k.succeed(fetch, k.set.Swap(set), set)
		k.log.loaded(set)
	}
	return k.interval
}

// begin returns the number of a fetch that begins.
func (k *keys) begin() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.begun++
	return k.begun
}

// succeed notes that a fetch has replaced the old keys. Those that are gone are unknown
// for certain.
func (k *keys) succeed(fetch int, old, current *keySet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.succeeded = fetch
	if old == nil {
		return
	}
	for _, key := range old.keys {
		if !current.has(key.kid) {
			k.seen.Put(key.kid, fetch-1, k.now())
		}
	}
}

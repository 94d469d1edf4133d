package api

import (
	"context"
	"errors"
	"sync"
	"time"
)

// How many POSTs are served at once. A POST may take 10 s, and waits for the upstream
// most of the time.
const maxSyncs = 32

// How long requests wait.
const (
	// gateWait is how long a request waits for a place.
	gateWait = 2 * time.Second
)

// readPlaces and ticketPlaces return how many queries of requests run at once: half of
// the pool reads, and a sixth redeems tickets, which anyone can forge. The rest of the
// pool is the jobs'.
func readPlaces(pool int) int   { return max(1, pool/2) }
func ticketPlaces(pool int) int { return max(1, pool/6) }

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

// userQueue bounds how many requests of each user are inside at once. More of them wait
// in a queue of the user's own, where they are in no one's way.
type userQueue struct {
	limit int

	mu    sync.Mutex
	users map[string]*userPlaces
}

// userPlaces are the places of a user, while a request of the user is there.
type userPlaces struct {
	gate    gate
	present int // inside or waiting
}

func newUserQueue(limit int) *userQueue {
	return &userQueue{limit: limit, users: map[string]*userPlaces{}}
}

// enter waits for a place of the user's; the caller must call leave. If there is none in
// time, it returns a limitedError.
func (q *userQueue) enter(ctx context.Context, user string) (leave func(), err error) {
	places := q.arrive(user)
	free, err := places.gate.enter(ctx)
	if err != nil {
		q.depart(user)
		if errors.Is(err, errBusy) {
			err = limitedError{time.Second}
		}
		return nil, err
	}
	return func() { free(); q.depart(user) }, nil
}

func (q *userQueue) arrive(user string) *userPlaces {
	q.mu.Lock()
	defer q.mu.Unlock()
	places := q.users[user]
	if places == nil {
		places = &userPlaces{gate: newGate(q.limit)}
		q.users[user] = places
	}
	places.present++
	return places
}

func (q *userQueue) depart(user string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.users[user].present--; q.users[user].present == 0 {
		delete(q.users, user)
	}
}

package api

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/singleflight"
)

// admission is the place of a POST in the user's gate and in the gate of all POSTs. The
// request holds it, and so does its pass, which may outlast the request.
type admission struct {
	holders atomic.Int32
	release func() // called by the last holder
}

// admit lets a POST in if neither the user nor all users together have too many under
// way. A POST that the user's gate rejects does not count against the user's rate.
func (a *API) admit(ctx context.Context, user string) (*admission, error) {
	if a.stopping() {
		return nil, errClosing
	}
	leaveUser, err := a.userGate.enter(user)
	if err != nil {
		return nil, err
	}
	var leave func()
	if err = a.postLimiter.take(ctx, user); err == nil {
		leave, err = a.syncs.enter(ctx)
	}
	if err != nil {
		leaveUser()
		return nil, err
	}
	p := &admission{release: func() { leave(); leaveUser() }}
	p.holders.Store(1)
	return p, nil
}

func (p *admission) leave() {
	if p.holders.Add(-1) == 0 {
		p.release()
	}
}

// holdUntil makes the pass a holder until it ends.
func (p *admission) holdUntil(pass <-chan singleflight.Result) {
	p.holders.Add(1)
	go func() {
		defer p.leave()
		<-pass
	}()
}

// admitRead lets a request read; the caller must call leave. A user's requests wait for
// their turn in a queue of the user's own, so that a user who sends many slows down none
// but these, and a client that repeats refused ones at once costs little.
func (a *API) admitRead(ctx context.Context, user string) (leave func(), err error) {
	leaveUser, err := a.readQueue.enter(ctx, user)
	if err != nil {
		return nil, err
	}
	var leaveAll func()
	if err = a.readLimiter.await(ctx, user, gateWait); err == nil {
		leaveAll, err = a.reads.enter(ctx)
	}
	if err != nil {
		leaveUser()
		return nil, err
	}
	return func() { leaveAll(); leaveUser() }, nil
}

// read runs the queries of a request that was admitted already.
func (a *API) read(ctx context.Context, queries func() error) error {
	leave, err := a.reads.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return queries()
}

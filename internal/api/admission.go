package api

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/singleflight"
)

// admission is a POST's place: the user's share of those that are served at once, and
// one of all of them. It is over when the request is and, where the request did
// not wait for it, the pass.
type admission struct {
	holders atomic.Int32
	release func()
}

// admit lets a POST in if neither the user nor all together have too many. One that
// is refused for what the user has under way does not count against his rate.
func (a *API) admit(ctx context.Context, user string) (*admission, error) {
	if a.stopping() {
		return nil, errClosing
	}
	leaveUser, err := a.userGate.enter(user)
	if err != nil {
		return nil, err
	}
	var leave func()
	if err = a.postLimiter.take(user); err == nil {
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

// holdUntil makes the admission last until the pass has ended.
func (p *admission) holdUntil(pass <-chan singleflight.Result) {
	p.holders.Add(1)
	go func() {
		defer p.leave()
		<-pass
	}()
}

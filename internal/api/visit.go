package api

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/singleflight"
)

// visit is a POST's place: the user's share of those that are served at once, and
// one of all of them. It is over when the request is and, where the request did
// not wait for it, the pass.
type visit struct {
	stays atomic.Int32
	over  func()
}

// admit lets a POST in if neither the user nor all together have too many. One that
// is refused for what the user has under way does not count against his rate.
func (a *API) admit(ctx context.Context, user string) (*visit, error) {
	if a.stopping() {
		return nil, errClosing
	}
	giveBack, err := a.shares.enter(user)
	if err != nil {
		return nil, err
	}
	var leave func()
	if err = a.limiter.take(user); err == nil {
		leave, err = a.syncs.enter(ctx)
	}
	if err != nil {
		giveBack()
		return nil, err
	}
	v := &visit{over: func() { leave(); giveBack() }}
	v.stays.Store(1)
	return v, nil
}

func (v *visit) leave() {
	if v.stays.Add(-1) == 0 {
		v.over()
	}
}

// until makes the visit last until the pass has ended.
func (v *visit) until(pass <-chan singleflight.Result) {
	v.stays.Add(1)
	go func() {
		defer v.leave()
		<-pass
	}()
}

package sunoproxy

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/task"
	"tasksync/upstream"
)

const path = "/suno/fetch"

// Fetch asks for the refs, music and lyrics apart and up to a hundred by call,
// and returns what was seen, in any order. A ref that is not among the
// observations was not reported: the server left it out, which says nothing
// about its task. A call that failed for the tasks that it asked for becomes an
// observation of each with that failure, and the others go on.
//
// The error tells of what concerns all: an account verdict or a rate limit (no
// further calls are made after one), the end of ctx, or the first failure if no
// call at all brought an answer. It holds a *task.Failure, or wraps ctx.Err().
func (a *Adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	r := &round{adapter: a}
	refs = r.fresh(refs)
	if a.learnt.single(time.Now()) {
		r.each(ctx, refs)
		return r.seen, r.err(ctx)
	}
	var calls errgroup.Group
	calls.SetLimit(a.fanOut)
	for action, some := range actions(refs) {
		for chunk := range slices.Chunk(some, batch) {
			calls.Go(func() error { r.batch(ctx, action, chunk); return nil })
		}
	}
	_ = calls.Wait() // the round keeps the errors
	return r.seen, r.err(ctx)
}

// actions parts refs by the word that the batch call has for their types. A type
// that is new to tasksync is asked for like all those that give audio.
func actions(refs []task.Ref) map[string][]task.Ref {
	parts := map[string][]task.Ref{}
	for _, ref := range refs {
		action := "MUSIC"
		if ref.Type == task.Lyrics {
			action = "LYRICS"
		}
		parts[action] = append(parts[action], ref)
	}
	return parts
}

// goodID reports whether id can be one of the server's, and be a part of a path.
func goodID(id string) bool {
	return upstream.GoodTaskID(id) && strings.Trim(id, ".") != ""
}

// batch asks for refs by one call, or one by one if the server seems to have no
// such call.
func (r *round) batch(ctx context.Context, action string, refs []task.Ref) {
	if r.over(ctx) {
		return
	}
	ids := make([]string, len(refs))
	for i, ref := range refs {
		ids[i] = ref.TaskID
	}
	var told []task.Observation
	err := r.adapter.client.Post(ctx, path, request{ids, action}, func(ans upstream.Answer) (code int, f *task.Failure) {
		told, f = r.adapter.readMany(refs, ans)
		return 0, f
	})
	f, _ := errors.AsType[*task.Failure](err)
	switch {
	case err == nil:
		r.adapter.learnt.batched()
		r.tell(told...)
	case f != nil && f.Reason == upstream.ReasonTooLarge && len(refs) > 1:
		r.halves(ctx, action, refs)
	case f != nil && r.adapter.learnt.doubts(f):
		r.instead(ctx, refs, f)
	default:
		r.fail(err, refs...)
	}
}

type request struct {
	IDs    []string `json:"ids"`
	Action string   `json:"action"`
}

// halves asks for refs by two calls, as the answer to one was too large. The first
// half may teach that there is no batch call.
func (r *round) halves(ctx context.Context, action string, refs []task.Ref) {
	half := len(refs) / 2
	r.batch(ctx, action, refs[:half])
	if r.adapter.learnt.single(time.Now()) {
		r.each(ctx, refs[half:])
		return
	}
	r.batch(ctx, action, refs[half:])
}

// instead asks one by one for what the batch call has failed for with f. If the
// first answer is not in the format either, it was not for the lack of a call.
func (r *round) instead(ctx context.Context, refs []task.Ref, f *task.Failure) {
	if !r.one(ctx, refs[0]) {
		r.fail(f, refs[1:]...)
		return
	}
	r.adapter.learnt.unbatched(time.Now(), f)
	r.each(ctx, refs[1:])
}

// each asks for refs one by one, some of them at once.
func (r *round) each(ctx context.Context, refs []task.Ref) {
	var calls errgroup.Group
	calls.SetLimit(r.adapter.fanOut)
	for _, ref := range refs {
		calls.Go(func() error { r.one(ctx, ref); return nil })
	}
	_ = calls.Wait() // the round keeps the errors
}

// one asks for one task, and reports whether the answer was in the format.
func (r *round) one(ctx context.Context, ref task.Ref) (answered bool) {
	if r.over(ctx) {
		return false
	}
	var obs task.Observation
	err := r.adapter.client.Get(ctx, path+"/"+url.PathEscape(ref.TaskID), nil, func(ans upstream.Answer) (code int, f *task.Failure) {
		obs, f = r.adapter.readOne(ref, ans)
		return 0, f
	})
	if err != nil {
		r.fail(err, ref)
		f, _ := errors.AsType[*task.Failure](err)
		return f != nil && (f.Verdict == task.UnknownTask || f.Verdict == task.Permanent)
	}
	r.tell(obs)
	return true
}

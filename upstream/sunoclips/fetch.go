package sunoclips

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"tasksync/task"
	"tasksync/upstream"
)

// Fetch asks for the clips of all refs, twenty by request, and for lyrics one by
// one, some calls at once. It returns what was seen, in any order. A ref that is
// not among the observations was not reported; that says nothing about its task.
//
// The error holds a *task.Failure, or wraps ctx.Err(): an account verdict or a
// rate limit (no further calls are made after one), the end of ctx, or else the
// first call that failed.
func (a *Adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	r := newRound(a, refs)
	var calls errgroup.Group
	calls.SetLimit(a.fanOut)
	for _, call := range r.calls() {
		if r.stopped() || ctx.Err() != nil {
			break
		}
		calls.Go(func() error {
			if !r.stopped() { // it may have waited for a place among the calls
				call(ctx)
			}
			return nil
		})
	}
	_ = calls.Wait() // the round keeps the errors
	return r.observations(), r.err(ctx)
}

// round is one Fetch under way.
type round struct {
	adapter *Adapter
	groups  []group
	lyrics  []string // task ids

	mu     sync.Mutex
	clips  map[string]clip    // by id in lower case
	seen   []task.Observation // but for those of the groups
	single *task.Failure      // the first of a call that says nothing about the next one
	common *task.Failure      // the most severe that concerns all calls, of these the first
	ended  error              // the end of ctx
}

// lyricID is what can be a lyric's id, and stands in a path unescaped.
var lyricID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// newRound sorts the refs, each taken once.
func newRound(a *Adapter, refs []task.Ref) *round {
	r := &round{adapter: a, clips: map[string]clip{}}
	type key struct {
		id     string
		lyrics bool
	}
	taken := map[key]bool{}
	for _, ref := range refs {
		k := key{ref.TaskID, ref.Type == task.Lyrics}
		if taken[k] {
			continue
		}
		taken[k] = true
		g := groupOf(ref)
		switch {
		case k.lyrics && lyricID.MatchString(ref.TaskID):
			r.lyrics = append(r.lyrics, ref.TaskID)
		case !k.lyrics && len(g.ids) > 0:
			r.groups = append(r.groups, g)
		default:
			r.seen = append(r.seen, task.Observation{TaskID: ref.TaskID, Failure: noID()})
		}
	}
	return r
}

func noID() *task.Failure {
	return &task.Failure{
		Verdict: task.UnknownTask, Code: task.APIError, Reason: upstream.ReasonBadTaskID, Message: "The task id is no clip id, and no clip id of the task is known.",
	}
}

// calls are the requests of the round.
func (r *round) calls() []func(context.Context) {
	var ids []string
	asked := map[string]bool{}
	for _, g := range r.groups {
		for _, id := range g.ids {
			if key := strings.ToLower(id); !asked[key] {
				asked[key] = true
				ids = append(ids, id)
			}
		}
	}
	var calls []func(context.Context)
	for some := range slices.Chunk(ids, maxClips) {
		calls = append(calls, func(ctx context.Context) { r.fetchClips(ctx, some) })
	}
	for _, id := range r.lyrics {
		calls = append(calls, func(ctx context.Context) { r.fetchLyric(ctx, id) })
	}
	return calls
}

// fetchClips asks for clips. If the provider refuses to be asked for these, or
// answers with too much, it asks for each half of them, so that one bad id does
// not hide the others.
func (r *round) fetchClips(ctx context.Context, ids []string) {
	var clips map[string]clip
	err := r.adapter.client.Get(ctx, "clips", url.Values{"ids": {strings.Join(ids, ",")}},
		func(ans upstream.Answer) (code int, f *task.Failure) {
			clips, f = readClips(ans)
			return 0, f
		})
	f, _ := errors.AsType[*task.Failure](err)
	switch {
	case err == nil:
		r.keep(clips)
	case f != nil && mendedByLess(f) && len(ids) > 1:
		half := len(ids) / 2
		r.fetchClips(ctx, ids[:half])
		r.fetchClips(ctx, ids[half:])
	case f != nil && f.Verdict == task.UnknownTask: // as if it were missing from an answer
	default:
		r.note(err)
	}
}

func (r *round) fetchLyric(ctx context.Context, id string) {
	var obs task.Observation
	err := r.adapter.client.Get(ctx, "lyrics/"+id, nil,
		func(ans upstream.Answer) (code int, f *task.Failure) {
			obs, f = r.adapter.readLyric(ans)
			return 0, f
		})
	if f, ok := errors.AsType[*task.Failure](err); ok && f.Verdict == task.UnknownTask {
		obs, err = task.Observation{Failure: f}, nil
	}
	if err != nil {
		r.note(err)
		return
	}
	obs.TaskID = id
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, obs)
}

func (r *round) keep(clips map[string]clip) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(r.clips, clips)
}

// note keeps why a call brought nothing.
func (r *round) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, isFailure := errors.AsType[*task.Failure](err)
	switch {
	case !isFailure:
		r.ended = err
	case !upstream.ConcernsAll(f):
		if r.single == nil {
			r.single = f
		}
	case r.common == nil || (f.Verdict == task.Account && r.common.Verdict != task.Account):
		r.common = f
	}
}

func (r *round) stopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.common != nil
}

// observations are made when all calls are over.
func (r *round) observations() []task.Observation {
	for _, g := range r.groups {
		if obs, ok := r.adapter.observe(g, r.clips); ok {
			r.seen = append(r.seen, obs)
		}
	}
	return r.seen
}

func (r *round) err(ctx context.Context) error {
	switch {
	case r.common != nil:
		return fmt.Errorf("fetch from %s: %w", Name, r.common)
	case r.ended != nil:
		return fmt.Errorf("fetch from %s: %w", Name, r.ended)
	case ctx.Err() != nil:
		return fmt.Errorf("fetch from %s: %w", Name, ctx.Err())
	case r.single != nil:
		return fmt.Errorf("fetch from %s: %w", Name, r.single)
	}
	return nil
}

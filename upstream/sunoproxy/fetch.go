package sunoproxy

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"tasksync/task"
	"tasksync/upstream"
)

const path = "/suno/fetch"

// Fetch is [upstream.Round.Fetch], with up to a hundred tasks a call, music and
// lyrics apart; or with a call for each task, where there is no batch call.
func (a *Adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	r := upstream.Round{
		Provider: name, FanOut: a.fanOut, Batch: batch, Kind: action, Check: check,
		One: a.one, Many: a.many, Suspects: &a.suspects,
	}
	if a.batches.missing(time.Now()) {
		r.Batch = 1
	}
	return r.Fetch(ctx, refs)
}

// action is the batch call's word for a task type. A type that tasksync does not know
// is taken for one that gives audio.
func action(ref task.Ref) (kind string, batch bool) {
	if ref.Type == task.Lyrics {
		return "LYRICS", true
	}
	return "MUSIC", true
}

// check fails an id that cannot be one of the server's, or would change the path.
func check(ref task.Ref) *task.Failure {
	if !upstream.GoodTaskID(ref.TaskID) || strings.Trim(ref.TaskID, ".") == "" {
		return upstream.BadTaskID()
	}
	return nil
}

// payload is the body of the batch call.
type payload struct {
	IDs    []string `json:"ids"`
	Action string   `json:"action"`
}

// many makes the batch call.
func (a *Adapter) many(ctx context.Context, action string, refs []task.Ref) (seen []*task.Observation, err error) {
	var ids []string
	for _, ref := range refs {
		if !slices.Contains(ids, ref.TaskID) { // two refs may disagree about its type
			ids = append(ids, ref.TaskID)
		}
	}
	err = a.Post(ctx, path, payload{ids, action}, func(ans upstream.Answer) (code int, f *task.Failure) {
		seen, f = a.readMany(refs, ans)
		return 0, f
	})
	if err == nil {
		a.batches.batchAnswered()
		return seen, nil
	}
	if f, ok := errors.AsType[*task.Failure](err); ok && a.batches.batchFailed(f) {
		return nil, upstream.NoBatch(f)
	}
	return nil, err
}

// hasContent reports whether an observation says anything. Some servers answer with
// nothing while there are no results, others for a task that they do not know.
func hasContent(obs task.Observation) bool {
	return obs.Status != "" || obs.Failure != nil || len(obs.Items) > 0
}

// one makes the single call; or, at a server without one, the batch call for one
// task.
func (a *Adapter) one(ctx context.Context, ref task.Ref) (seen *task.Observation, err error) {
	err = a.Get(ctx, path+"/"+url.PathEscape(ref.TaskID), nil, func(ans upstream.Answer) (code int, f *task.Failure) {
		var obs task.Observation
		if obs, f = a.readOne(ref, ans); hasContent(obs) {
			seen = &obs
		}
		return 0, f
	})
	f, _ := errors.AsType[*task.Failure](err)
	a.batches.singleAsked(time.Now(), err == nil || (f != nil && f.Verdict >= task.UnknownTask))
	if f != nil && f.Reason == upstream.ReasonNoCall && a.batches.exists() {
		kind, _ := action(ref)
		some, err := a.many(ctx, kind, []task.Ref{ref})
		if err != nil {
			return nil, f // the address is wrong, not the single call missing
		}
		return some[0], nil
	}
	return seen, err
}

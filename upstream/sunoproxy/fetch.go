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

// Fetch is [upstream.Round.Fetch], with music and lyrics apart and up to a hundred
// tasks a call; or with a call for each task, where there is no batch call.
func (a *Adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	r := upstream.Round{
		Provider: name, FanOut: a.fanOut, Batch: batch, Kind: action, Check: check,
		One: a.one, Many: a.many, Suspects: &a.suspects,
	}
	if a.learnt.single(time.Now()) {
		r.Batch = 1
	}
	return r.Fetch(ctx, refs)
}

// action is the word that the batch call has for tasks of a type. A type that is
// new to tasksync is asked for like all those that give audio.
func action(ref task.Ref) (kind string, batch bool) {
	if ref.Type == task.Lyrics {
		return "LYRICS", true
	}
	return "MUSIC", true
}

// check refuses an id that cannot be one of the server's, or a part of a path.
func check(ref task.Ref) *task.Failure {
	if !upstream.GoodTaskID(ref.TaskID) || strings.Trim(ref.TaskID, ".") == "" {
		return upstream.BadTaskID()
	}
	return nil
}

type request struct {
	IDs    []string `json:"ids"`
	Action string   `json:"action"`
}

// many is the batch call.
func (a *Adapter) many(ctx context.Context, action string, refs []task.Ref) (told []*task.Observation, err error) {
	var ids []string
	for _, ref := range refs {
		if !slices.Contains(ids, ref.TaskID) { // two refs may disagree about its type
			ids = append(ids, ref.TaskID)
		}
	}
	err = a.Post(ctx, path, request{ids, action}, func(ans upstream.Answer) (code int, f *task.Failure) {
		told, f = a.readMany(refs, ans)
		return 0, f
	})
	if err == nil {
		a.learnt.batched()
		return told, nil
	}
	if f, ok := errors.AsType[*task.Failure](err); ok && a.learnt.doubts(f) {
		return nil, upstream.NoBatch(f)
	}
	return nil, err
}

// saysAnything tells an answer about a task from a good one without: some servers
// have none while there are no results, others for a task that they do not know.
func saysAnything(obs task.Observation) bool {
	return obs.Status != "" || obs.Failure != nil || len(obs.Items) > 0
}

// one is the single call; or, at a server that has none, the batch call for one
// task.
func (a *Adapter) one(ctx context.Context, ref task.Ref) (told *task.Observation, err error) {
	err = a.Get(ctx, path+"/"+url.PathEscape(ref.TaskID), nil, func(ans upstream.Answer) (code int, f *task.Failure) {
		var obs task.Observation
		if obs, f = a.readOne(ref, ans); saysAnything(obs) {
			told = &obs
		}
		return 0, f
	})
	f, _ := errors.AsType[*task.Failure](err)
	a.learnt.asked(time.Now(), err == nil || (f != nil && f.Verdict >= task.UnknownTask))
	if f != nil && f.Reason == upstream.ReasonNoCall && a.learnt.knowsBatches() {
		kind, _ := action(ref)
		some, err := a.many(ctx, kind, []task.Ref{ref})
		if err != nil {
			return nil, f // an address that leads nowhere, not one call that is missing
		}
		return some[0], nil
	}
	return told, err
}

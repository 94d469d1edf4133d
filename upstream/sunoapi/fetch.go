package sunoapi

import (
	"context"
	"errors"
	"net/url"

	"tasksync/task"
	"tasksync/upstream"
)

// Fetch is [upstream.Round.Fetch]. There is no batch call: every ref is asked for
// alone, and a task may cost one call more until it is known which endpoint knows
// it.
func (a *Adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	return upstream.Round{Provider: a.profile.Name, FanOut: a.fanOut, One: a.ask}.Fetch(ctx, refs)
}

// ask asks for one task: at the endpoint that is remembered for it, else at the
// present one first. The next endpoint is asked only when the one before does not
// know the task, or does not exist; a call that failed does not say where the task
// is. The task is unknown when every endpoint says so.
func (a *Adapter) ask(ctx context.Context, ref task.Ref) (obs *task.Observation, err error) {
	first, remembered := a.memory.endpoint(ref.TaskID)
	unknown := false
	for i := range a.profile.endpoints {
		e := (first + i) % len(a.profile.endpoints)
		obs, failure := a.askAt(ctx, a.profile.endpoints[e], ref)
		if failure == nil {
			a.memory.remember(ref.TaskID, e)
			return &obs, nil
		}
		if err == nil || isUnknown(err) {
			err = failure
		}
		unknown = unknown || isUnknown(failure)
		if !isUnknown(failure) && (remembered || !saysNothing(failure)) {
			break
		}
	}
	if f, ok := errors.AsType[*task.Failure](err); ok && unknown && f.Reason == upstream.ReasonNoCall {
		return nil, upstream.Transient(reasonUnclear, f.Message)
	}
	return nil, err
}

// askAt makes the call of one endpoint.
func (a *Adapter) askAt(ctx context.Context, path endpoint, ref task.Ref) (obs task.Observation, err error) {
	err = a.Get(ctx, path(ref.Type), url.Values{"taskId": {ref.TaskID}},
		func(ans upstream.Answer) (code int, f *task.Failure) {
			obs, code, f = a.read(ref, ans)
			return code, f
		})
	return obs, err
}

// isUnknown reports whether an endpoint does not know the task.
func isUnknown(err error) bool {
	f, ok := errors.AsType[*task.Failure](err)
	return ok && f.Verdict == task.UnknownTask
}

// saysNothing reports whether an endpoint does not exist, or has no record to
// show: then a task of which nothing is remembered may still be at another.
func saysNothing(err error) bool {
	f, ok := errors.AsType[*task.Failure](err)
	return ok && (f.Reason == upstream.ReasonNoCall || f.Reason == reasonNoRecord)
}

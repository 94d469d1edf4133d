package sunoapi

import (
	"context"
	"errors"
	"net/url"
	"sync"

	"tasksync/task"
	"tasksync/upstream"
)

// ask asks for one task, in the model that knows it where that is remembered,
// else in the present one first. The next model is asked only where the one
// before does not know the task, or is not there at all; a call that failed says
// nothing of where the task is. The task is unknown when every model says so.
func (a *Adapter) ask(ctx context.Context, ref task.Ref) (obs *task.Observation, err error) {
	first, remembered := a.known.model(ref.TaskID)
	unknown := false
	for i := range a.profile.models {
		m := (first + i) % len(a.profile.models)
		obs, asked := a.askIn(ctx, a.profile.models[m], ref)
		if asked == nil {
			a.known.remember(ref.TaskID, m)
			return &obs, nil
		}
		if err == nil || elsewhere(err) {
			err = asked
		}
		unknown = unknown || elsewhere(asked)
		if !elsewhere(asked) && (remembered || !nowhere(asked)) {
			break
		}
	}
	if f, ok := errors.AsType[*task.Failure](err); ok && unknown && f.Reason == upstream.ReasonNoCall {
		return nil, upstream.Transient(reasonUnclear, f.Message)
	}
	return nil, err
}

// askIn makes the one call.
func (a *Adapter) askIn(ctx context.Context, m model, ref task.Ref) (obs task.Observation, err error) {
	err = a.Get(ctx, m(ref.Type), url.Values{"taskId": {ref.TaskID}},
		func(ans upstream.Answer) (code int, f *task.Failure) {
			obs, code, f = a.read(ref, ans)
			return code, f
		})
	return obs, err
}

func verdictOf(err error) task.Verdict {
	if f, ok := errors.AsType[*task.Failure](err); ok {
		return f.Verdict
	}
	return task.Transient
}

// elsewhere reports whether a model says that it does not know the task.
func elsewhere(err error) bool { return verdictOf(err) == task.UnknownTask }

// nowhere reports whether a model is not there, or has nothing to say: then a task
// of which nothing is remembered may still be in another.
func nowhere(err error) bool {
	f, ok := errors.AsType[*task.Failure](err)
	return ok && (f.Reason == upstream.ReasonNoCall || f.Reason == reasonNoRecord)
}

// maxKnown bounds each of the two generations of tasks that are remembered.
const maxKnown = 50_000

// memory remembers in which model a task was found, where that is not the first.
// It forgets those that were not asked for the longest: they are looked for anew.
// Its zero value is empty; it is safe for concurrent use.
type memory struct {
	mu         sync.Mutex
	young, old map[string]int // model by task id; what is found in old moves to young
}

// model is where to ask for a task first; remembered tells that it was there.
func (k *memory) model(taskID string) (m int, remembered bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m, remembered = k.young[taskID]; remembered {
		return m, true
	}
	m, remembered = k.old[taskID]
	return m, remembered
}

func (k *memory) remember(taskID string, m int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m == 0 {
		delete(k.young, taskID)
		delete(k.old, taskID)
		return
	}
	if k.young == nil || len(k.young) >= maxKnown {
		k.young, k.old = map[string]int{}, k.young
	}
	k.young[taskID] = m
}

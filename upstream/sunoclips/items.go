package sunoclips

import (
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// observe puts together what is known of the clips of a group; ok is false if that
// is nothing. A call that failed for one of them is a failure of the whole: the
// others' results come with it, but they do not say how the task stands.
// So is a clip that the round, which ended early with err, did not come to.
func (a *Adapter) observe(g group, clips map[string]task.Observation, err error) (obs task.Observation, ok bool) {
	obs.TaskID = g.taskID
	var words []string
	var failed []*task.Failure
	unreported := 0
	for _, id := range g.ids {
		c, reported := clips[strings.ToLower(id)]
		switch {
		case !reported:
			unreported++
			continue
		case len(c.Items) == 0:
			failed = append(failed, c.Failure)
			continue
		}
		item := c.Items[0]
		item.ID = id // as the row spells it
		obs.Items = append(obs.Items, item)
		if c.Raw != "" && !slices.Contains(words, c.Raw) {
			words = append(words, c.Raw)
		}
	}
	if err != nil && unreported > 0 && unreported < len(g.ids) {
		failed = append(failed, upstream.Transient(task.ReasonNotReported, ""))
	}
	obs.Raw = a.StatusWord(strings.Join(words, ","))
	obs.Status, obs.Failure = ending(obs.Items, len(g.ids))
	if f := ofCalls(failed); f != nil && (f.Verdict == task.Transient || len(failed) == len(g.ids)) {
		obs.Status, obs.Failure = "", f
	}
	return obs, len(obs.Items) > 0 || obs.Failure != nil
}

// ofCalls is the mildest of the failures of calls for the clips of a group: it is
// unknown only if each of them is.
func ofCalls(failed []*task.Failure) *task.Failure {
	if len(failed) == 0 {
		return nil
	}
	return slices.MinFunc(failed, func(a, b *task.Failure) int { return int(a.Verdict) - int(b.Verdict) })
}

// ending is how a group of size clips ended: complete if one of them is; failed,
// with the failure that says most, if none is. While some go on, the items speak
// for themselves, unless one is missing: then nothing in the items shows that
// there is more to come.
func ending(items []task.Item, size int) (task.Status, *task.Failure) {
	var failure *task.Failure
	ended, complete := 0, 0
	for _, it := range items {
		switch {
		case it.Status == task.Complete:
			complete++
			ended++
		case it.Status == task.Failed:
			ended++
			if failure == nil || it.Failure.Verdict > failure.Verdict {
				failure = it.Failure
			}
		}
	}
	switch {
	case len(items) < size:
		return task.Processing, nil
	case ended < size:
		return "", nil
	case complete > 0:
		return task.Complete, nil
	default:
		return task.Failed, failure
	}
}

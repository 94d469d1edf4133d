package sunoclips

import (
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// observe puts together the observations of a group's clips; ok is false if there are
// none. A failed call for one clip is a failure of the group: the items of the other
// clips come with it, but do not say how the task stands. So is a clip that the round
// did not reach because it ended early with err.
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
	obs.Status, obs.Failure = groupStatus(obs.Items, len(g.ids))
	if f := mildest(failed); f != nil && (f.Verdict == task.Transient || len(failed) == len(g.ids)) {
		obs.Status, obs.Failure = "", f
	}
	return obs, len(obs.Items) > 0 || obs.Failure != nil
}

// mildest returns the mildest of the failures of a group's clips: the group is unknown
// only if each clip is.
func mildest(failed []*task.Failure) *task.Failure {
	if len(failed) == 0 {
		return nil
	}
	return slices.MinFunc(failed, func(a, b *task.Failure) int { return int(a.Verdict) - int(b.Verdict) })
}

// groupStatus is the status of a group of size clips. An ended group is complete if one
// clip is; else failed, with the most severe failure. While some clips go on, the items
// speak for themselves, unless a clip is missing: then the items do not show that more
// will come.
func groupStatus(items []task.Item, size int) (task.Status, *task.Failure) {
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

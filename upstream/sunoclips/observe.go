package sunoclips

import (
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// observe puts together what is known of a group; ok is false if that is
// nothing.
func (a *Adapter) observe(g group, clips map[string]clip) (obs task.Observation, ok bool) {
	obs.TaskID = g.taskID
	var words []string
	for _, id := range g.ids {
		c, reported := clips[strings.ToLower(id)]
		if !reported {
			continue
		}
		obs.Items = append(obs.Items, a.item(id, c))
		if word := a.word(c.Status); word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	obs.Raw = a.client.StatusWord(strings.Join(words, ","))
	obs.Status, obs.Failure = ending(obs.Items, len(g.ids))
	return obs, len(obs.Items) > 0
}

// word is a status as the event log has it. One that no table knows is noted.
func (a *Adapter) word(status upstream.Text) string {
	word := a.client.StatusWord(string(status))
	if _, known := statuses[status.Word()]; status != "" && !known {
		a.client.UnknownStatus(word)
	}
	return word
}

// item is a clip under the id that its row has, which may be spelt otherwise.
func (a *Adapter) item(id string, c clip) task.Item {
	it := c.item()
	it.ID = id
	if it.Failure != nil {
		it.Failure.Message = a.client.Redact(it.Failure.Message)
	}
	return it
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

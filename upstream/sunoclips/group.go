package sunoclips

import (
	"slices"
	"strings"

	"tasksync/task"
)

// maxGroup bounds the clips of one task; package task uses no more.
const maxGroup = 64

// group is a task as the provider knows it: some clips.
type group struct {
	taskID string
	ids    []string // of clips, as the rows spell them
}

// groupOf finds the clip ids of a task: the ids that its task id lists, separated by
// commas; else the ids of its rows; else the task id itself. Only a UUID counts: one
// bad id could break a call for twenty clips.
func groupOf(ref task.Ref) group {
	ids := clipIDs(strings.Split(ref.TaskID, ","))
	if known := clipIDs(ref.ClipIDs); len(ids) < 2 && len(known) > 0 {
		ids = known
	}
	return group{taskID: ref.TaskID, ids: ids}
}

func clipIDs(names []string) []string {
	var ids []string
	for _, name := range names {
		name = strings.TrimSpace(name)
		same := func(id string) bool { return strings.EqualFold(id, name) }
		if task.IsUUID(name) && len(ids) < maxGroup && !slices.ContainsFunc(ids, same) {
			ids = append(ids, name)
		}
	}
	return ids
}

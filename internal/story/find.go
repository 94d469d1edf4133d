package story

import (
	"context"
	"slices"

	"tasksync/queries"
	"tasksync/task"
)

// Find returns the ids of the rows that an id names: the id of a row or of a clip, both
// UUIDs, the provider's id of a task or of a clip. Pending rows of a task hide those that
// have ended. The quick searches come first; the others may read a table.
func Find(ctx context.Context, db DB, id string) ([]string, error) {
	q := queries.New()
	searches := []func() ([]string, error){
		func() ([]string, error) { return q.StoryFindPendingByTask(ctx, db, id) },
		func() ([]string, error) { return q.StoryFindByClip(ctx, db, id) },
		func() ([]string, error) { return q.StoryFindByTask(ctx, db, id) },
	}
	if task.IsUUID(id) {
		searches = slices.Insert(searches, 0, func() ([]string, error) { return q.StoryFindByIds(ctx, db, id) })
	}
	for _, search := range searches {
		if ids, err := search(); err != nil || len(ids) > 0 {
			return ids, err
		}
	}
	return nil, nil
}

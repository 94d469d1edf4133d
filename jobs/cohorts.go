package jobs

import (
	"github.com/riverqueue/river"

	"tasksync/task"
)

// cohorts groups ids by what the members of a cohort have in common, and starts
// a new group when one has the size of its provider's cohorts.
type cohorts struct {
	sizes map[string]int
	jobs  []SyncArgs
	open  map[cohortKey]int // index of the latest group
}

// cohortKey is what the members of a cohort have in common.
type cohortKey struct {
	provider string
	taskType task.Type
	backlog  bool
}

func (c *Client) newCohorts() *cohorts {
	return &cohorts{sizes: c.cfg.CohortSizes, open: map[cohortKey]int{}}
}

func (c *cohorts) add(k cohortKey, id string) {
	i, ok := c.open[k]
	if !ok || len(c.jobs[i].IDs) >= c.sizes[k.provider] {
		i = len(c.jobs)
		c.jobs = append(c.jobs, SyncArgs{TaskType: k.taskType, Provider: k.provider, Backlog: k.backlog})
		c.open[k] = i
	}
	c.jobs[i].IDs = append(c.jobs[i].IDs, id)
}

func (c *cohorts) params() []river.InsertManyParams {
	params := make([]river.InsertManyParams, len(c.jobs))
	for i, args := range c.jobs {
		params[i] = river.InsertManyParams{Args: args}
	}
	return params
}

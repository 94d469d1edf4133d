package jobs

import (
	"cmp"
	"time"

	"github.com/riverqueue/river"

	"tasksync/syncer"
	"tasksync/task"
)

// twinsAtMost is how many rows a job of twins follows. They are not asked for, and one look
// at their leader ends them all, so that their number is bounded by the job's size only.
const twinsAtMost = 1000

// cohorts groups rows by what the members of a cohort have in common, and starts a new
// group when one has the size of its provider's cohorts. Of rows with one task, the
// youngest stands in such a group; the others, which only wait for what its look finds, are
// many in a group, and first due when that look should have been made.
type cohorts struct {
	sizes   map[string]int
	rows    []cohortRow
	leaders map[twinKey]int // index of the youngest row of each task
}

// cohortRow is a row that is to have a job.
type cohortRow struct {
	cohortKey
	id, taskID string
	createdAt  time.Time
}

// cohortKey is what the members of a cohort have in common.
type cohortKey struct {
	provider string
	taskType task.Type
	backlog  bool
}

// twinKey is what twins have in common; see package syncer.
type twinKey struct {
	provider string
	taskType task.Type
	taskID   string
}

func (r cohortRow) twin() twinKey { return twinKey{r.provider, r.taskType, r.taskID} }

func (c *Client) newCohorts() *cohorts {
	return &cohorts{sizes: c.cfg.CohortSizes, leaders: map[twinKey]int{}}
}

func (c *cohorts) add(r cohortRow) {
	c.rows = append(c.rows, r)
	if r.taskID == "" {
		return
	}
	i, found := c.leaders[r.twin()]
	if first := len(c.rows) - 1; !found || cmp.Or(r.createdAt.Compare(c.rows[i].createdAt), cmp.Compare(r.id, c.rows[i].id)) > 0 {
		c.leaders[r.twin()] = first
	}
}

func (c *cohorts) ids() []string {
	ids := make([]string, len(c.rows))
	for i, r := range c.rows {
		ids[i] = r.id
	}
	return ids
}

// params returns the jobs. now is the time.
func (c *cohorts) params(now time.Time) []river.InsertManyParams {
	type group struct {
		cohortKey
		twins bool
	}
	var jobs []SyncArgs
	open := map[group]int{} // index of the latest job
	for n, r := range c.rows {
		leader, known := c.leaders[r.twin()]
		g, most := group{r.cohortKey, known && leader != n}, c.sizes[r.provider]
		if g.twins {
			most = twinsAtMost
		}
		i, ok := open[g]
		if !ok || len(jobs[i].IDs) >= most {
			i = len(jobs)
			jobs = append(jobs, SyncArgs{TaskType: r.taskType, Provider: r.provider, Backlog: r.backlog})
			open[g] = i
		}
		jobs[i].IDs = append(jobs[i].IDs, r.id)
		if g.twins {
			jobs[i].Due = append(jobs[i].Due, now.Add(syncer.TwinsEvery).UnixMilli())
		}
	}
	params := make([]river.InsertManyParams, len(jobs))
	for i, args := range jobs {
		params[i] = river.InsertManyParams{Args: args}
	}
	return params
}

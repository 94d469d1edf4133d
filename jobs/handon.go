package jobs

import (
	"context"
	"fmt"

	"tasksync/task"
)

// HandOn gives sync jobs to generations that the feed has just heard of, in
// cohorts of one task type and provider. It drops ids that do not name a pending
// V2 row of a known type and provider: a notification is only a hint.
func (c *Client) HandOn(ctx context.Context, ids []string) error {
	rows, err := c.queries.GenerationList(ctx, c.cfg.Pool, validIDs(ids))
	if err != nil {
		return fmt.Errorf("load rows to hand on: %w", err)
	}
	cohorts, newcomers := c.newCohorts(), newcomers{words: c.cfg.Words}
	for _, r := range rows {
		taskType := task.Type(r.TaskType)
		_, typed := c.cfg.Handlers[taskType]
		provider, status := c.cfg.Providers.Name(r.Provider), task.ParseStatus(r.Status)
		_, provided := c.cfg.CohortSizes[provider]
		switch {
		case taskType == "":
		case !typed, !provided:
			c.cfg.Syncer.WarnUnknown(task.Generation{
				ID: r.ID, UserID: r.UserID, TaskID: r.TaskID, Type: taskType, Provider: provider, Status: status,
			})
		case status.Pending():
			cohorts.add(cohortRow{cohortKey{provider, taskType, c.cfg.Syncer.PastDeadline(r.CreatedAt)}, r.ID, r.TaskID, r.CreatedAt})
			newcomers.add(r.ID, r.UserID, r.Status)
		}
	}
	if len(cohorts.rows) == 0 {
		return nil
	}
	if err := c.insert(ctx, cohorts, newcomers); err != nil {
		return fmt.Errorf("insert sync jobs: %w", err)
	}
	c.cfg.Recorder.Heard(cohorts.ids(), c.cfg.HeardBy(), c.cfg.Now())
	return nil
}

func validIDs(ids []string) []string {
	valid := make([]string, 0, len(ids))
	for _, id := range ids {
		if task.IsUUID(id) {
			valid = append(valid, id)
		}
	}
	return valid
}

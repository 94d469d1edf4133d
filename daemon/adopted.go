package daemon

import (
	"context"

	"tasksync/internal/database"
	"tasksync/task"
)

// seeAdoption finds out whether music_generations is a view that `tasksync adopt` has
// made, and which statuses the application's words can tell apart.
func (d *daemon) seeAdoption(ctx context.Context) error {
	adopted, err := database.Adopted(ctx, d.pool)
	if err != nil || adopted == nil {
		return err
	}
	d.statuses = nil
	for _, s := range adopted.Statuses {
		d.statuses = append(d.statuses, task.Status(s))
	}
	d.cfg.Logger.InfoContext(ctx, "[TaskSync] music_generations is a view over a table of the application's (adopt)", "table", adopted.Table, "statuses", adopted.Statuses)
	return nil
}

// policy is the configured one, for the statuses that rows can have.
func (d *daemon) policy() task.Policy {
	p := d.cfg.policy()
	p.Statuses = d.statuses
	return p
}

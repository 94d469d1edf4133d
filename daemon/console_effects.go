package daemon

import (
	"context"
	"fmt"

	"tasksync/internal/console"
)

// effects fills in how settlements, webhooks and the archive stand; those that are off are
// named, and cost no query.
func (c *consoleData) effects(ctx context.Context, o *console.Overview) error {
	for _, part := range []struct {
		name  string
		on    bool
		state func(context.Context) (state, next string, err error)
	}{
		{"Settlements", c.d.settler != nil, c.settlements},
		{"Webhooks", c.d.notifier != nil, c.notifications},
		{"Archive", c.d.archiver != nil, c.archived},
	} {
		e := console.Effect{Name: part.name, State: "off"}
		if part.on {
			var err error
			if e.State, e.Next, err = part.state(ctx); err != nil {
				return err
			}
		}
		o.Effects = append(o.Effects, e)
	}
	return nil
}

func (c *consoleData) settlements(ctx context.Context) (state, next string, err error) {
	n, err := c.q.SettlementQuarantinedCount(ctx, c.d.pool)
	if n > 0 {
		next = "tasksync settle list"
	}
	return fmt.Sprintf("%d quarantined", n), next, err
}

func (c *consoleData) notifications(ctx context.Context) (state, next string, err error) {
	s, err := c.q.NotificationStats(ctx, c.d.pool)
	if s.Dead > 0 {
		next = "tasksync notify list --dead"
	}
	return fmt.Sprintf("%d to be sent, %d dead", s.Pending, s.Dead), next, err
}

func (c *consoleData) archived(ctx context.Context) (state, next string, err error) {
	rows, err := c.q.ArchiveStateList(ctx, c.d.pool)
	files := map[string]int64{}
	var endangered int64
	for _, r := range rows {
		files[r.State] += r.Files
		endangered += r.Endangered
	}
	if files["lost"] > 0 || endangered > 0 {
		next = "tasksync archive"
	}
	return fmt.Sprintf("%d files copied, %d to be copied, %d lost", files["archived"], files["pending"], files["lost"]), next, err
}

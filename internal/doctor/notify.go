package doctor

import (
	"context"
	"fmt"
	"time"
)

// seeNotifications tells of notifications that have not reached their receivers.
func (d *doctor) seeNotifications(ctx context.Context) {
	s, err := d.queries.NotificationStats(ctx, d.pool)
	switch {
	case err != nil && !d.cfg.Notify:
		return // a role that does not need the table may not be able to read it
	case err != nil:
		d.trouble("notifications", err)
		return
	}
	oldest := (time.Duration(s.OldestSeconds) * time.Second).String()
	switch {
	case !d.cfg.Notify && s.Pending > 0:
		d.say(Warning, fmt.Sprintf("notifications: %d wait, the oldest for %s, and TASKSYNC_NOTIFY_URL is not set", s.Pending, oldest), "set it as the daemon has it, or as it was when they were written")
	case s.OldestSeconds > notifyLate.Seconds():
		d.say(Warning, fmt.Sprintf("notifications: %d wait, the oldest for %s", s.Pending, oldest), "`tasksync notify list --pending` shows what the servers answered; `tasksync notify test` tries them")
	case d.cfg.Notify:
		d.say(Good, fmt.Sprintf("notifications: %d wait", s.Pending), "")
	}
	if s.Dead > 0 {
		d.say(Warning, fmt.Sprintf("notifications: %d are dead and will not be sent", s.Dead), "`tasksync notify list --dead` shows why, `tasksync notify replay --all` sends them again; they are deleted after 30 days")
	}
}

// notifyLate is how old the oldest notification may be: a receiver that is deployed anew
// has answered by then.
const notifyLate = 10 * time.Minute

package doctor

import (
	"context"
	"fmt"
	"time"

	"tasksync/internal/planner"
	"tasksync/task"
)

// seeLooks tells what the daemons have learnt of how long tasks take.
func (d *doctor) seeLooks(ctx context.Context) {
	p := planner.New(planner.Config{DB: d.pool, Handlers: d.cfg.Handlers, Deadline: d.cfg.Timeout})
	if err := p.Load(ctx); err != nil {
		d.trouble("looks", err)
		return
	}
	learnt := p.Learnt()
	for _, l := range learnt {
		d.say(Good, "looks: "+describeLearnt(l, d.cfg.Timeout), "")
	}
	if len(learnt) == 0 {
		d.say(Good, "looks: nothing was learnt yet of how long tasks take; until some rows have ended, fixed times decide when to look", "")
	}
}

// describeLearnt says what is known of one task type at one provider.
func describeLearnt(l planner.Learnt, deadline time.Duration) string {
	within := func(age time.Duration) string {
		if age <= 0 {
			return "not within the deadline of " + short(deadline)
		}
		return "within " + short(age)
	}
	text := fmt.Sprintf("%s at %s: half end %s, nine tenths %s (learnt from %.0f rows)",
		task.Redact(string(l.Type)), task.Redact(l.Provider), within(l.Half), within(l.Most), l.Rows)
	if l.Hinted < 0.01 {
		return text + "; no callbacks"
	}
	return text + fmt.Sprintf("; callbacks tell of %.0f %%", 100*l.Hinted)
}

// short is a duration in whole seconds, without a unit of which there is nothing.
func short(d time.Duration) string {
	d = d.Round(time.Second)
	switch minutes, seconds := d/time.Minute, d%time.Minute/time.Second; {
	case minutes == 0:
		return fmt.Sprintf("%ds", seconds)
	case seconds == 0:
		return fmt.Sprintf("%dm", minutes)
	default:
		return fmt.Sprintf("%dm%02ds", minutes, seconds)
	}
}

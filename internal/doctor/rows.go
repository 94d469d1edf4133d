package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"tasksync/queries"
	"tasksync/task"
)

// seeRows looks for pending rows that no daemon looks at.
func (d *doctor) seeRows(ctx context.Context) {
	kinds, err := d.queries.DoctorPendingList(ctx, d.pool)
	if err != nil {
		d.trouble("rows", err)
		return
	}
	var pending int64
	for _, k := range kinds {
		pending += k.Pending
		_, known := d.cfg.Handlers[task.Type(k.TaskType)]
		provided := d.cfg.Providers.Known(k.Provider)
		if !known {
			d.say(Warning, fmt.Sprintf("rows: %d pending of unknown task type %q", k.Pending, task.Redact(k.TaskType)), "no daemon follows them; correct task_type, or set their status")
		}
		if !provided {
			d.say(Warning, fmt.Sprintf("rows: %d pending of provider %q, which is not configured", k.Pending, task.Redact(k.Provider)), "no daemon follows them; add it to TASKSYNC_PROVIDERS, or correct column provider")
		}
	}
	d.pending = pending
}

// seeOverdue tells why rows are past their deadline.
func (d *doctor) seeOverdue(ctx context.Context) {
	reasons, err := d.queries.MemoryOverdueStats(ctx, d.pool, d.cfg.Overdue)
	if err != nil {
		d.trouble("rows", err)
		return
	}
	var overdue int64
	var why []string
	for _, r := range reasons {
		overdue += r.Overdue
		why = append(why, fmt.Sprintf("%s %d", r.Reason, r.Overdue))
	}
	what := fmt.Sprintf("rows: %d pending", d.pending)
	if overdue == 0 {
		d.say(Good, what+", none past the deadline", "")
		return
	}
	d.say(Warning, fmt.Sprintf("%s, %d of them past the deadline of %s (%s)", what, overdue, d.cfg.Timeout, strings.Join(why, ", ")),
		"they wait for an answer of their provider, or for a daemon; `tasksync pending --overdue` lists them")
	d.seeRefused(ctx)
}

// seeRefused names what in the database rejects results.
func (d *doctor) seeRefused(ctx context.Context) {
	refused, err := d.queries.MemoryRefusedList(ctx, d.pool)
	if err != nil {
		d.trouble("rows", err)
		return
	}
	for _, r := range refused {
		d.say(Bad, fmt.Sprintf("rows: the database rejects the results of %d (%s)", r.Waiting, r.Refused),
			"mend the constraint, trigger or column; the rows then complete by themselves")
	}
}

// seeUnsubmitted counts rows that wait for their task.
func (d *doctor) seeUnsubmitted(ctx context.Context) {
	n, err := d.queries.GenerationIgnoredStats(ctx, d.pool, queries.GenerationIgnoredStatsParams{TaskTypes: d.cfg.Overdue.TaskTypes, Providers: d.cfg.Overdue.Providers})
	switch {
	case err != nil:
		d.trouble("rows", err)
	case n.NoTaskID > 0:
		d.say(Warning, fmt.Sprintf("rows: %d pending without a task_id", n.NoTaskID), "they wait until the application has submitted their task and written its id")
	}
}

// seeLate counts late results.
func (d *doctor) seeLate(ctx context.Context) {
	n, err := d.queries.LateResultCount(ctx, d.pool, d.cfg.Words.Spellings(task.Failed))
	switch {
	case err != nil:
		d.trouble("late results", err)
	case n > 0:
		d.say(Warning, fmt.Sprintf("late results: %d came after their rows had failed", n),
			"they are in tasksync.late_results; `tasksync retry ID` completes such a row, TASKSYNC_LATE=complete does so by itself")
	}
}

// seePauses names the providers that an operator has paused.
func (d *doctor) seePauses(ctx context.Context) {
	pauses, err := d.queries.PauseList(ctx, d.pool)
	if err != nil {
		d.trouble("pauses", err)
		return
	}
	for _, p := range pauses {
		why := ""
		if p.Reason != "" {
			why = " (" + task.Redact(p.Reason) + ")"
		}
		name := cmp.Or(task.Redact(p.Provider), "all of them")
		d.say(Warning, fmt.Sprintf("pauses: an operator has paused calls to %s since %s%s", name, p.PausedAt.UTC().Format(time.RFC3339), why),
			"`tasksync resume` ends that; until then rows stay pending")
	}
}

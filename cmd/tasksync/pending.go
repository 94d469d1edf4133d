package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"tasksync/daemon"
	"tasksync/task"
)

// pendingCmd is `tasksync pending`.
type pendingCmd struct {
	databaseFlags
	upstreamFlags
	logFlags
	Overdue bool `help:"Only rows past their deadline, and those whose results the database rejects."`
	InGrace bool `help:"Only rows that were asked for past their deadline, without an answer."`
	Ignored bool `help:"Only rows that no daemon with these settings follows, or not yet: unknown words in status, task_type or provider, and rows without a task_id."`
	Watch   bool `help:"Show the rows on the terminal, again every two seconds, until Ctrl-C."`
	JSON    bool `name:"json" help:"Print the rows as JSON."`
	Limit   int  `default:"100" help:"At most so many rows (${default})."`
}

// Help implements kong's detailed help.
func (c *pendingCmd) Help() string {
	return `Lists the rows that have not ended, the oldest first: when each is looked at
next, and why it waits. It calls no provider and changes nothing.`
}

// pendingLine is a row as `--json` prints it.
type pendingLine struct {
	ID        string     `json:"id"`
	TaskID    string     `json:"taskId"`
	TaskType  string     `json:"taskType"`
	Provider  string     `json:"provider,omitempty"`
	Status    string     `json:"status"`
	CreatedAt time.Time  `json:"createdAt"`
	NextLook  *time.Time `json:"nextLook,omitempty"`
	Reason    string     `json:"reason"`
	Why       string     `json:"why"`
}

// Run implements kong's command.
func (c *pendingCmd) Run(ctx context.Context, std *streams) error {
	if c.Limit < 1 || c.Limit > 10_000 {
		return usageError{fmt.Errorf("--limit %d is not between 1 and 10000", c.Limit)}
	}
	cfg, err := c.config(c.databaseFlags)
	if err != nil {
		return err
	}
	cfg.Logger = c.logger(std)
	if c.Watch {
		return c.watch(ctx, std, cfg)
	}
	rows, err := daemon.Pending(ctx, cfg, c.request())
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return printPendingJSON(std, rows)
	}
	if err := printPending(std.out, rows); err != nil {
		return err
	}
	if len(rows) == c.Limit {
		fmt.Fprintf(std.err, "tasksync: these are the first %d rows; --limit shows more\n", len(rows))
	}
	return nil
}

func (c *pendingCmd) request() daemon.PendingRequest {
	return daemon.PendingRequest{Overdue: c.Overdue, Grace: c.InGrace, Ignored: c.Ignored, Limit: c.Limit}
}

func printPendingJSON(std *streams, rows []daemon.Waiting) error {
	lines := make([]pendingLine, len(rows))
	for i, r := range rows {
		lines[i] = pendingLine{
			ID: r.ID, TaskID: r.TaskID, TaskType: r.TaskType, Provider: r.Provider, Status: r.Status,
			CreatedAt: r.CreatedAt, Reason: r.Reason, Why: r.Why,
		}
		if !r.NextLook.IsZero() {
			lines[i].NextLook = &r.NextLook
		}
	}
	enc := json.NewEncoder(std.out)
	enc.SetIndent("", "  ")
	return enc.Encode(lines)
}

func printPending(out io.Writer, rows []daemon.Waiting) error {
	if len(rows) == 0 {
		fmt.Fprintln(out, "no rows")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tAGE\tSTATUS\tTYPE\tNEXT LOOK\tWHY")
	for _, r := range rows {
		next := "none"
		if !r.NextLook.IsZero() {
			next = "in " + max(0, r.NextLook.Sub(r.SeenAt)).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.SeenAt.Sub(r.CreatedAt).Round(time.Second),
			oneLine(task.Redact(r.Status)), oneLine(task.Redact(r.TaskType)), next, oneLine(r.Why))
	}
	return w.Flush()
}

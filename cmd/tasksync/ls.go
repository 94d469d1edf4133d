package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"tasksync/daemon"
	"tasksync/task"
)

// lsCmd is `tasksync ls`.
type lsCmd struct {
	databaseFlags
	upstreamFlags
	logFlags
	Pending bool   `help:"Only rows that have not ended."`
	Stuck   bool   `help:"Only pending rows that do not go on as they should, and why: overdue, rejected by the database, ignored, or without a job."`
	Failed  bool   `help:"Only rows that have failed."`
	Code    string `placeholder:"CODE" help:"Only rows with this error_code, like API_ERROR."`
	User    string `placeholder:"ID" help:"Only rows of this user."`
	JSON    bool   `name:"json" help:"Print the rows as JSON."`
	Limit   int    `default:"20" help:"At most so many rows (${default})."`
}

// Help implements kong's detailed help.
func (c *lsCmd) Help() string {
	return `Lists rows, those that ended or changed last first; with --stuck, the oldest
first. tasksync explain ID tells what happened to one of them. It calls no
provider and changes nothing. Without --user, --pending or --stuck it reads the
whole table once, which takes seconds where there are millions of rows.`
}

// lsLine is a row as `--json` prints it.
type lsLine struct {
	ID           string     `json:"id"`
	UserID       string     `json:"userId,omitempty"`
	TaskID       string     `json:"taskId"`
	TaskType     string     `json:"taskType"`
	Provider     string     `json:"provider,omitempty"`
	Status       string     `json:"status"`
	ErrorCode    string     `json:"errorCode,omitempty"`
	ErrorMessage string     `json:"errorMessage,omitempty"`
	Reason       string     `json:"reason,omitempty"` // of a row that is stuck
	Why          string     `json:"why,omitempty"`    // likewise
	CreatedAt    time.Time  `json:"createdAt,omitzero"`
	CompletedAt  *time.Time `json:"completedAt,omitempty"`
}

// Run implements kong's command.
func (c *lsCmd) Run(ctx context.Context, std *streams) error {
	switch {
	case c.Limit < 1 || c.Limit > 10_000:
		return usageError{fmt.Errorf("--limit %d is not between 1 and 10000", c.Limit)}
	case c.Pending && (c.Failed || c.Code != ""):
		return usageError{errors.New("a pending row has no failure: give either --pending, or --failed and --code")}
	case c.Stuck && (c.Failed || c.Pending || c.Code != "" || c.User != ""):
		return usageError{errors.New("--stuck stands alone: it chooses among pending rows")}
	case c.User != "" && !task.IsUUID(c.User):
		return usageError{fmt.Errorf("--user %q is not the id of a user, which is a UUID", c.User)}
	}
	cfg, err := c.config(c.databaseFlags)
	if err != nil {
		return err
	}
	cfg.Logger = c.logger(std)
	lines, err := c.list(ctx, cfg)
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		enc := json.NewEncoder(std.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(lines)
	}
	if err := printRows(std, lines); err != nil {
		return err
	}
	if len(lines) == c.Limit {
		fmt.Fprintf(std.err, "tasksync: these are the first %d rows; --limit shows more\n", len(lines))
	}
	return nil
}

func (c *lsCmd) list(ctx context.Context, cfg daemon.Config) ([]lsLine, error) {
	lines := []lsLine{}
	if c.Stuck || c.Pending && c.User == "" {
		rows, err := c.waiting(ctx, cfg)
		for _, r := range rows {
			l := lsLine{ID: r.ID, TaskID: task.Redact(r.TaskID), TaskType: task.Redact(r.TaskType), Provider: r.Provider, Status: task.Redact(r.Status), CreatedAt: r.CreatedAt}
			l.Reason, l.Why = r.Reason, r.Why
			lines = append(lines, l)
		}
		return lines, err
	}
	req := daemon.ListRequest{Code: c.Code, User: c.User, Limit: c.Limit}
	switch {
	case c.Failed || c.Code != "":
		req.Status = []task.Status{task.Failed}
	case c.Pending:
		req.Status = []task.Status{task.Submitted, task.Queued, task.Processing, task.Streaming}
	}
	rows, err := daemon.List(ctx, cfg, req)
	for _, r := range rows {
		l := lsLine{
			ID: r.ID, UserID: r.UserID, TaskID: r.TaskID, TaskType: r.TaskType, Provider: r.Provider, Status: r.Status,
			ErrorCode: r.ErrorCode, ErrorMessage: r.ErrorMessage, CreatedAt: r.CreatedAt,
		}
		if !r.CompletedAt.IsZero() {
			l.CompletedAt = &r.CompletedAt
		}
		lines = append(lines, l)
	}
	return lines, err
}

func (c *lsCmd) waiting(ctx context.Context, cfg daemon.Config) ([]daemon.Waiting, error) {
	if c.Stuck {
		return daemon.Stuck(ctx, cfg, c.Limit)
	}
	return daemon.Pending(ctx, cfg, daemon.PendingRequest{Limit: c.Limit})
}

func printRows(std *streams, lines []lsLine) error {
	if len(lines) == 0 {
		fmt.Fprintln(std.out, "no rows")
		return nil
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tCREATED\tSTATUS\tTYPE\tPROVIDER\tWHY")
	for _, l := range lines {
		why := l.Why
		if l.ErrorCode != "" {
			why = l.ErrorCode + ": " + l.ErrorMessage
		}
		created := "unknown"
		if !l.CreatedAt.IsZero() {
			created = l.CreatedAt.UTC().Format("2006-01-02 15:04:05Z")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, created, oneLine(l.Status), oneLine(l.TaskType), oneLine(l.Provider), oneLine(why))
	}
	return w.Flush()
}

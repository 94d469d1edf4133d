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

// syncCmd is `tasksync sync ID…`.
type syncCmd struct {
	databaseFlags
	upstreamFlags
	archiveFlags
	notifyFlags
	logFlags
	JSON bool     `name:"json" help:"Print the results as JSON."`
	IDs  []string `arg:"" name:"id" help:"Ids of rows, of their tasks at the provider, or of their clips."`
}

// syncLine is a result as `--json` prints it.
type syncLine struct {
	ID           string     `json:"id"`
	Status       string     `json:"status"`
	Reason       string     `json:"reason,omitempty"`
	NewStatus    string     `json:"newStatus,omitempty"`
	ItemsUpdated int        `json:"itemsUpdated"`
	NextLook     *time.Time `json:"nextLook,omitempty"`
	NextStep     string     `json:"nextStep,omitempty"`
}

// nextSteps say what to do about rows that were left alone, by the reason.
var nextSteps = map[string]string{ //nolint:gochecknoglobals // a constant table
	task.ReasonNotPending:  "the row has ended; if it failed, tasksync retry ID makes it pending again; tasksync explain ID tells what happened",
	task.ReasonNotFound:    "no row, task or clip has this id; tasksync ls lists rows",
	task.ReasonUnknownType: "correct its task_type",
	task.ReasonNoTaskID:    "the application has not written its task_id yet",
	"unknown_provider":     "add its provider to TASKSYNC_PROVIDERS, or correct column provider",
	"clips_update_failed":  "the database rejects the result: tasksync doctor says why",
	task.ReasonPaused:      "tasksync resume lets calls go on",
	"same_task":            "a younger row has the same task, and is looked at for both",
}

// adviseSync says what to do about rows that were left alone, once for each reason.
func adviseSync(std *streams, results []daemon.Result) {
	said := map[string]bool{}
	for _, r := range results {
		if step := nextSteps[r.Reason]; step != "" && !said[r.Reason] {
			said[r.Reason] = true
			fmt.Fprintf(std.err, "tasksync: %s: %s\n", r.Reason, step)
		}
	}
}

// Run implements kong's command.
func (c *syncCmd) Run(ctx context.Context, std *streams) error {
	cfg, err := c.config(c.databaseFlags)
	if err != nil {
		return err
	}
	cfg.Logger = c.logger(std)
	defer sendTraces(ctx, &cfg)()
	c.archive(&cfg)
	c.notify(&cfg)
	ids, err := daemon.Resolve(ctx, cfg, c.IDs)
	if err != nil {
		return asUsage(err)
	}
	results, refused := daemon.Sync(ctx, cfg, ids)
	if refused != nil && !errors.Is(refused, daemon.ErrAccount) {
		return asUsage(refused)
	}
	if err := c.print(std, results); err != nil {
		return err
	}
	if !c.JSON {
		adviseSync(std, results)
	}
	return errors.Join(refused, verdict(results))
}

// verdict fails the command for ids that belong to no generation, and for
// generations that could not be written; a generation that its provider refused is a
// result like any other.
func verdict(results []daemon.Result) error {
	for _, r := range results {
		switch {
		case !r.Unfit():
		case !task.IsUUID(r.ID):
			return fmt.Errorf("%q is not the id of a row, which is a UUID%s", r.ID, ofAdopted)
		default:
			return errors.New("some rows could not be looked at; see the reasons above")
		}
	}
	return nil
}

func (c *syncCmd) print(std *streams, results []daemon.Result) error {
	if c.JSON {
		lines := make([]syncLine, len(results))
		for i, r := range results {
			lines[i] = line(r)
		}
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", "  ")
		return enc.Encode(lines)
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "GENERATION\tRESULT\tREASON\tNEW STATUS\tCLIPS WRITTEN")
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", r.ID, r.Outcome, r.Reason, r.NewStatus, r.ItemsUpdated)
	}
	return w.Flush()
}

func line(r daemon.Result) syncLine {
	l := syncLine{ID: r.ID, Status: string(r.Outcome), Reason: r.Reason, NewStatus: string(r.NewStatus), ItemsUpdated: r.ItemsUpdated, NextStep: nextSteps[r.Reason]}
	if !r.Next.IsZero() {
		l.NextLook = &r.Next
	}
	return l
}

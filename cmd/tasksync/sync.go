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
	notifyFlags
	logFlags
	JSON bool     `name:"json" help:"Print the results as JSON."`
	IDs  []string `arg:"" name:"id" help:"Ids of rows: column id of music_generations."`
}

// syncLine is a result as `--json` prints it.
type syncLine struct {
	ID           string     `json:"id"`
	Status       string     `json:"status"`
	Reason       string     `json:"reason,omitempty"`
	NewStatus    string     `json:"newStatus,omitempty"`
	ItemsUpdated int        `json:"itemsUpdated"`
	NextLook     *time.Time `json:"nextLook,omitempty"`
}

// Run implements kong's command.
func (c *syncCmd) Run(ctx context.Context, std *streams) error {
	cfg, err := c.config(c.databaseFlags)
	if err != nil {
		return err
	}
	cfg.Logger = c.logger(std)
	defer sendTraces(ctx, &cfg)()
	c.notify(&cfg)
	results, refused := daemon.Sync(ctx, cfg, c.IDs)
	if refused != nil && !errors.Is(refused, daemon.ErrAccount) {
		return asUsage(refused)
	}
	if err := c.print(std, results); err != nil {
		return err
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
	l := syncLine{ID: r.ID, Status: string(r.Outcome), Reason: r.Reason, NewStatus: string(r.NewStatus), ItemsUpdated: r.ItemsUpdated}
	if !r.Next.IsZero() {
		l.NextLook = &r.Next
	}
	return l
}

package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"tasksync/daemon"
)

// settleDryRunCmd is `tasksync settle dry-run --function NAME`.
type settleDryRunCmd struct {
	databaseFlags
	logFlags
	Function string `required:"" placeholder:"FUNCTION" help:"The function to try, like public.settle_generation_new."`
	Since    string `default:"24h" placeholder:"TIME" help:"Settlements of rows that ended since then: a duration like 24h, or a time like 2026-11-29T08:00:00Z (${default})."`
}

// Help implements kong's detailed help.
func (c *settleDryRunCmd) Help() string {
	return `Calls the function for settlements of the past and rolls back what it did. It
lists what the function returned, or its error; let it return a text that says
what it did. The tables are as they are now: what was settled then is in them. The
calls take the locks that they always take, for a moment each. Sequences advance.`
}

// Run implements kong's command.
func (c *settleDryRunCmd) Run(ctx context.Context, std *streams) error {
	since, err := sinceTime(c.Since, time.Now())
	if err != nil {
		return usageError{err}
	}
	cfg, err := settleFlags{Settle: c.Function}.config(std, c.databaseFlags, wordsFlags{}, c.logFlags)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tROUND\tOUTCOME\tCODE\tTHE FUNCTION")
	tried, failed := 0, 0
	err = daemon.TrySettlements(ctx, cfg, since, func(t daemon.SettlementTrial) {
		did := "returned " + t.Result
		if t.Result == "" {
			did = "succeeded"
		}
		tried++
		if t.Error != "" {
			failed++
			did = "failed: SQLSTATE " + t.SQLState + ", " + t.Error
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", t.ID, t.Round, t.Outcome, t.Code, did)
		if tried%100 == 0 { // so that a long list is seen as it grows
			_ = w.Flush()
		}
	})
	_ = w.Flush()
	fmt.Fprintf(std.out, "%d settlements tried, %d would fail; everything was rolled back\n", tried, failed)
	if ctx.Err() != nil {
		return errInterrupted
	}
	return asUsage(err)
}

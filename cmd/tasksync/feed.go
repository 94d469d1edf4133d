package main

import (
	"context"
	"fmt"

	"tasksync/daemon"
)

// feedCmd is `tasksync feed`.
type feedCmd struct {
	Trigger triggerCmd `cmd:"" help:"Switch the triggers on or off, or print whether they are on."`
}

// triggerCmd is `tasksync feed trigger on|off|status`.
type triggerCmd struct {
	databaseFlags
	Want string `arg:"" enum:"on,off,status" help:"on: new rows are announced; off: they are not, for a feed that polls; status: print whether they are."`
}

// Run implements kong's command.
func (c *triggerCmd) Run(ctx context.Context, std *streams) error {
	if err := c.require(); err != nil {
		return err
	}
	pool, err := daemon.OpenPool(ctx, c.DatabaseURL)
	if err != nil {
		return asUsage(err)
	}
	defer pool.Close()
	if c.Want != "status" {
		if err := daemon.SetTriggers(ctx, pool, c.Want == "on"); err != nil {
			return err
		}
	}
	on, err := daemon.TriggersOn(ctx, pool)
	if err != nil {
		return err
	}
	if on {
		fmt.Fprintln(std.out, "on: new rows are announced")
		return nil
	}
	fmt.Fprintln(std.out, "off: new rows are not announced; feeds poll and wal find them")
	return nil
}

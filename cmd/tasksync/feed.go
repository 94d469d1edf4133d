package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

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
	return c.withPool(ctx, func(pool *pgxpool.Pool) error {
		if c.Want != "status" {
			if err := daemon.SetTriggers(ctx, pool, c.Want == "on"); err != nil {
				return err
			}
		}
		state, err := daemon.Triggers(ctx, pool)
		if err != nil {
			return err
		}
		fmt.Fprintln(std.out, state)
		return nil
	})
}

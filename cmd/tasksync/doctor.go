package main

import (
	"context"
	"errors"
	"fmt"

	"tasksync/daemon"
	"tasksync/internal/doctor"
)

// doctorCmd is `tasksync doctor`.
type doctorCmd struct {
	databaseFlags
	upstreamFlags
	feedFlags
	logFlags
	rlsFlags
}

// Run implements kong's command.
func (c *doctorCmd) Run(ctx context.Context, std *streams) error {
	cfg, err := c.config(c.databaseFlags)
	if err != nil {
		return err
	}
	if err := c.feed(&cfg); err != nil {
		return err
	}
	cfg.Logger, cfg.NoRLS = c.logger(std), c.NoRLS
	failed := false
	err = daemon.Examine(ctx, cfg, func(f daemon.Finding) {
		if field, ok := errors.AsType[*daemon.FieldError](f.Err); ok {
			f.Next = inVariables(field).Error()
		}
		fmt.Fprintln(std.out, f)
		failed = failed || f.Level == doctor.Bad
	})
	switch {
	case err != nil:
		return asUsage(err)
	case failed:
		return errQuiet
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tasksync/daemon"
	"tasksync/internal/doctor"
)

// doctorCmd is `tasksync doctor`.
type doctorCmd struct {
	databaseFlags
	upstreamFlags
	feedFlags
	logFlags
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
	cfg.Logger = c.logger(std)
	failed := false
	err = daemon.Examine(ctx, cfg, func(f daemon.Finding) {
		if field, ok := errors.AsType[*daemon.FieldError](f.Err); ok {
			f.Next = inVariables(field).Error()
		}
		fmt.Fprintln(std.out, f)
		for line := range strings.Lines(f.SQL) {
			fmt.Fprintln(std.out, "       ", strings.TrimRight(line, "\n"))
		}
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

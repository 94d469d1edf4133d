package daemon_test

import (
	"context"

	"tasksync/daemon"
	"tasksync/internal/doctor"
)

var _ = func() bool {
	daemon.Examine = func(ctx context.Context, cfg daemon.Config) (lines []string, err error) {
		err = doctor.Examine(ctx, cfg, func(f doctor.Finding) { lines = append(lines, f.String()) })
		return lines, err
	}
	return true
}()

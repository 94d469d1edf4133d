package postgres

import (
	"context"
	"os/exec"
)

// Command returns a command that runs as the user that Postgres would run as: other servers, like
// PgBouncer, refuse to be root too. The command has a session of its own; the end of ctx kills it.
func Command(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	a, err := runAs()
	if err != nil {
		return nil, err
	}
	return a.command(ctx, name, args...), nil
}

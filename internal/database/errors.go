package database

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNoListen is wrapped by the errors of CheckListen for a connection on which
// LISTEN does not work, as behind a pooler in transaction mode.
var ErrNoListen = errors.New("LISTEN does not work on this connection")

// unreachable tells an operator that there is no connection, and what to do.
func unreachable(err error) error {
	return fmt.Errorf("connect to the database: %s", diagnose(err))
}

// String is what an operator reads.
func (d diagnosis) String() string { return d.what + ": " + d.next }

// Reason is the text of an error about the database. If there was no connection, it
// holds the next step.
func Reason(err error) string {
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
		return diagnose(err).String()
	}
	return err.Error()
}

package feed

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNoTriggers is returned by TriggersOn and SetTriggers when the database lacks
// our triggers; the migrations make them.
var ErrNoTriggers = errors.New("the triggers are missing; run `tasksync migrate up`")

// errTriggersOff is returned by Feed.verify in mode auto: the triggers are
// disabled, so a session would hear of no row.
var errTriggersOff = errors.New("the triggers are off")

// Error codes of Postgres.
const (
	codeInsufficientPrivilege = "42501"
	codeLockNotAvailable      = "55P03" // lock_timeout has passed
)

// code returns the SQLSTATE of a Postgres error in err, or "".
func code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

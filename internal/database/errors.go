package database

import (
	"cmp"
	"errors"
	"fmt"
)

// ErrNoListen is wrapped by the errors of CheckListen for a connection on which
// LISTEN does not work, as behind a pooler in transaction mode.
var ErrNoListen = errors.New("LISTEN does not work on this connection")

// unreachable tells an operator that there is no connection, and what to do.
func unreachable(err error, url string) error {
	hint := cmp.Or(permanentHint(err), "is the database up, and is DATABASE_URL its address?")
	return fmt.Errorf("connect to the database: %s: %s", RedactURL(err, url), hint)
}

// permanentHint gives the next step for an error that waiting does not mend; ""
// for any other.
func permanentHint(err error) string {
	switch Code(err) {
	case InvalidPassword, InvalidAuthorizationSpecification:
		return "check user and password (and pg_hba.conf) of DATABASE_URL"
	case InvalidCatalogName:
		return "create the database, or correct its name in DATABASE_URL"
	case InsufficientPrivilege:
		return "grant the role of DATABASE_URL the right to connect"
	}
	return ""
}

package wal

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrUnavailable is wrapped by the errors of Run and Check when the server's
// settings, the rights of the role or a pooler in between do not allow to read
// the WAL. Its text holds the next step. Trying again is useless until somebody
// has taken it.
var ErrUnavailable = errors.New("the WAL cannot be read")

// ErrSlotDropped is wrapped by the error of Run when it had to drop the slot: it
// held too much WAL, or could not be read any more. The next Run makes a new
// one; only a sweep finds what lies between.
var ErrSlotDropped = errors.New("the replication slot was dropped")

// Codes of Postgres, by which its errors are told apart.
const (
	codeProtocolViolation  = "08P01"
	codeNotSupported       = "0A000"
	codeInvalidText        = "22P02"
	codeInvalidAuth        = "28000"
	codeInsufficientRights = "42501"
	codeSyntax             = "42601"
	codeUndefinedObject    = "42704"
	codeDuplicateObject    = "42710"
	codeTooManyConnections = "53300"
	codeLimitExceeded      = "53400"
	codeNotReady           = "55000"
	codeInUse              = "55006"
	codeAdminShutdown      = "57P01"
	codeCrashShutdown      = "57P02"
	codeCannotConnectNow   = "57P03"
)

// code is that of the error of Postgres in err; "" if there is none.
func code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// explain wraps err with the operation, and with ErrUnavailable and the next
// step if steps has one for its code.
func explain(operation string, err error, steps map[string]string) error {
	if step, ok := steps[code(err)]; ok {
		return fmt.Errorf("%w: %s: %w: %s", ErrUnavailable, operation, err, step)
	}
	return fmt.Errorf("%s: %w", operation, err)
}

const (
	stepReplication = "let the role replicate: ALTER ROLE … REPLICATION (on RDS: GRANT rds_replication TO …)"
	stepWALLevel    = "set wal_level = logical and restart Postgres (on RDS: rds.logical_replication = 1)"
	stepSlots       = "raise max_replication_slots and restart Postgres, or drop a slot that nobody needs (see pg_replication_slots)"
	stepPublication = "let the owner of music_generations run: "
	stepSignal      = "let the role end it: GRANT pg_signal_backend TO …, or use the role of the slot's reader"
	stepStandbys    = "name the standbys one by one, or the commits that wait for any standby wait for this reader"
	stepOldest      = "a new slot waits for every transaction that was open before it: end the oldest (see xact_start in pg_stat_activity)"
)

var (
	connectSteps = map[string]string{
		codeProtocolViolation:  "connect to the database itself, not through a pooler",
		codeInvalidAuth:        "let pg_hba.conf admit the role, or " + stepReplication,
		codeInsufficientRights: stepReplication,
		codeTooManyConnections: "raise max_wal_senders or max_connections and restart Postgres",
	}
	slotSteps = map[string]string{
		codeInsufficientRights: stepReplication,
		codeLimitExceeded:      stepSlots,
		codeNotReady:           stepWALLevel,
	}
	terminateSteps   = map[string]string{codeInsufficientRights: stepSignal}
	publicationSteps = map[string]string{codeInsufficientRights: stepPublication + createPlain}
)

// lost reports whether err says that a slot cannot be read any more: the server
// has removed its WAL, or the publication is younger than what it would read.
func lost(err error) bool {
	return code(err) == codeNotReady || code(err) == codeUndefinedObject
}

// shuttingDown reports whether err says that the server is about to end, which
// it does not do before a reader of its WAL has confirmed everything or gone.
func shuttingDown(err error) bool {
	switch code(err) {
	case codeAdminShutdown, codeCrashShutdown, codeCannotConnectNow:
		return true
	}
	return false
}

// late reports whether err is that ctx, made from parent, ran out of time.
func late(ctx, parent context.Context) bool {
	return errors.Is(ctx.Err(), context.DeadlineExceeded) && parent.Err() == nil
}

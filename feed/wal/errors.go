package wal

import (
	"context"
	"errors"
	"fmt"

	"tasksync/internal/database"
)

// ErrUnavailable is wrapped by the errors of Run and Check when the server's
// settings, the rights of the role or a pooler in between do not allow reading the
// WAL. The text of the error holds the next step; until an operator has taken it,
// every try fails.
var ErrUnavailable = errors.New("the WAL cannot be read")

// ErrSlotDropped is wrapped by the error of Run when Run had to drop the slot: the
// slot held too much WAL, or could not be read any more. The next Run makes a new
// slot; only a sweep finds the rows that were committed in between.
var ErrSlotDropped = errors.New("the replication slot was dropped")

// explain wraps err with the operation. If steps, by SQLSTATE, has a next step for
// err, explain adds that step and ErrUnavailable.
func explain(operation string, err error, steps map[string]string) error {
	if step, ok := steps[database.Code(err)]; ok {
		return fmt.Errorf("%w: %s: %w: %s", ErrUnavailable, operation, err, step)
	}
	return fmt.Errorf("%s: %w", operation, err)
}

const (
	stepReplication = "let the role replicate: ALTER ROLE … REPLICATION (on RDS: GRANT rds_replication TO …)"
	stepWALLevel    = "set wal_level = logical and restart Postgres (on RDS: rds.logical_replication = 1)"
	stepSlots       = "raise max_replication_slots and restart Postgres, or drop a slot that is not needed (see pg_replication_slots)"
	stepPublication = "let the owner of music_generations run: "
	stepSignal      = "let the role end it: GRANT pg_signal_backend TO …, or use the role of the slot's reader"
	stepStandbys    = "name the standbys one by one, or the commits that wait for any standby wait for this reader"
	stepAdopted     = "the WAL names the table below it, which the reader does not know; set TASKSYNC_FEED=auto, notify or poll"
	stepUnlogged    = "set TASKSYNC_FEED=auto, notify or poll"
	stepOldest      = "a new slot waits for every transaction that was open before it: end the oldest (see xact_start in pg_stat_activity)"
)

var (
	connectSteps = map[string]string{
		database.ProtocolViolation:                 "connect to the database itself, not through a pooler",
		database.InvalidAuthorizationSpecification: "let pg_hba.conf admit the role, or " + stepReplication,
		database.InsufficientPrivilege:             stepReplication,
		database.TooManyConnections:                "raise max_wal_senders or max_connections and restart Postgres",
	}
	slotSteps = map[string]string{
		database.InsufficientPrivilege:        stepReplication,
		database.ConfigurationLimitExceeded:   stepSlots,
		database.ObjectNotInPrerequisiteState: stepWALLevel,
	}
	terminateSteps   = map[string]string{database.InsufficientPrivilege: stepSignal}
	publicationSteps = map[string]string{database.InsufficientPrivilege: stepPublication + createPlain}
)

// lost reports whether err says that a slot can never be read again: the server has
// removed its WAL, or the publication is younger than the WAL to read.
func lost(err error) bool {
	return database.Code(err) == database.ObjectNotInPrerequisiteState || database.Code(err) == database.UndefinedObject
}

// shuttingDown reports whether err says that the server is shutting down. The server
// does not end before a reader of its WAL has confirmed everything or is gone.
func shuttingDown(err error) bool {
	switch database.Code(err) {
	case database.AdminShutdown, database.CrashShutdown, database.CannotConnectNow:
		return true
	}
	return false
}

// late reports whether ctx ran out of time while its parent has not ended.
func late(ctx, parent context.Context) bool {
	return errors.Is(ctx.Err(), context.DeadlineExceeded) && parent.Err() == nil
}

package database

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// The SQLSTATE codes that tasksync tells apart, by the names that the manual of
// Postgres gives them (appendix A).
const (
	ProtocolViolation                 = "08P01"
	FeatureNotSupported               = "0A000"
	InvalidTextRepresentation         = "22P02"
	InvalidParameterValue             = "22023"
	ReadOnlyTransaction               = "25006"
	InvalidSQLStatementName           = "26000"
	NotNullViolation                  = "23502"
	UniqueViolation                   = "23505"
	CheckViolation                    = "23514"
	InvalidAuthorizationSpecification = "28000"
	InvalidPassword                   = "28P01"
	InvalidCatalogName                = "3D000" // there is no such database
	InsufficientPrivilege             = "42501"
	SyntaxError                       = "42601"
	UndefinedColumn                   = "42703"
	UndefinedObject                   = "42704"
	DuplicateObject                   = "42710"
	DatatypeMismatch                  = "42804"
	UndefinedFunction                 = "42883"
	UndefinedTable                    = "42P01"
	GeneratedAlways                   = "428C9"
	DiskFull                          = "53100"
	TooManyConnections                = "53300"
	ConfigurationLimitExceeded        = "53400"
	ObjectNotInPrerequisiteState      = "55000"
	ObjectInUse                       = "55006"
	LockNotAvailable                  = "55P03" // lock_timeout, or NOWAIT
	QueryCanceled                     = "57014" // statement_timeout, or a cancel request
	AdminShutdown                     = "57P01"
	CrashShutdown                     = "57P02"
	CannotConnectNow                  = "57P03"
	DatabaseDropped                   = "57P04"
	IdleSessionTimeout                = "57P05"
	CantChangeRuntimeParam            = "55P02"
)

// The classes of SQLSTATE codes, which are their first characters.
const (
	ClassConnectionException          = "08"
	ClassDataException                = "22"
	ClassIntegrityConstraintViolation = "23"
	ClassInvalidTransactionState      = "25" // 25006 is a standby, or a database that is read only
	ClassTransactionRollback          = "40" // serialization failures and deadlocks
	ClassInsufficientResources        = "53"
	ClassNotInPrerequisiteState       = "55"
	ClassOperatorIntervention         = "57"
	ClassShutdown                     = "57P" // of class 57, what is not a query that was cancelled
	ClassSystemError                  = "58"
)

// Code returns the SQLSTATE of the Postgres error in err; "" if there is none.
func Code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// HasClass reports whether err is a Postgres error of one of the classes.
func HasClass(err error, classes ...string) bool {
	code := Code(err)
	return code != "" && slices.ContainsFunc(classes, func(class string) bool { return strings.HasPrefix(code, class) })
}

// Away reports whether err says that the database did not serve, rather than that
// it rejected a statement or its data: there is no connection, or the server is
// stopping, starting, out of resources, read only or broken. The same statement
// may succeed later.
//
// QueryCanceled does not count as away: the data may be the cause, as when a
// trigger takes too long.
func Away(err error) bool {
	if Code(err) != "" {
		return HasClass(err, ClassConnectionException, ClassInvalidTransactionState, ClassInsufficientResources, ClassShutdown, ClassSystemError)
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		pgconn.Timeout(err) || pgconn.SafeToRetry(err)
}

package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestAway(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"23514": false, UniqueViolation: false, "P0001": false, "XX000": false, InsufficientPrivilege: false, "A0001": false,
		"40P01": false, "40001": false, LockNotAvailable: false, QueryCanceled: false,
		AdminShutdown: true, CannotConnectNow: true, TooManyConnections: true, DiskFull: true, "08006": true, "25006": true, "58030": true,
	} {
		require.Equal(t, want, Away(fmt.Errorf("write: %w", &pgconn.PgError{Code: code})), code)
	}
	for _, err := range []error{context.DeadlineExceeded, context.Canceled, io.ErrUnexpectedEOF, &net.OpError{Op: "dial", Err: errors.New("refused")}} {
		require.True(t, Away(fmt.Errorf("write: %w", err)), err)
	}
	require.False(t, Away(errors.New("a row is missing")))
}

func TestCode(t *testing.T) {
	t.Parallel()
	full := fmt.Errorf("write: %w", &pgconn.PgError{Code: DiskFull})
	require.Equal(t, DiskFull, Code(full))
	require.True(t, HasClass(full, ClassConnectionException, ClassInsufficientResources))
	require.False(t, HasClass(full, ClassShutdown))
	require.Empty(t, Code(io.EOF))
	require.False(t, HasClass(io.EOF, ""))
}

func TestWithoutDetail(t *testing.T) {
	t.Parallel()
	err := WithoutDetail(fmt.Errorf("write: %w", &pgconn.PgError{
		Severity: "ERROR", Code: UniqueViolation, Message: "duplicate key", ConstraintName: "clips_pkey",
		Detail: "Key (title)=(hunter2) already exists.", Hint: "hunter2", Where: "hunter2", InternalQuery: "hunter2",
	}))
	require.EqualError(t, err, "ERROR: duplicate key (SQLSTATE 23505)")
	require.NotContains(t, fmt.Sprintf("%+v", err), "hunter2")
	require.Equal(t, UniqueViolation, Code(err))
	require.Equal(t, io.EOF, WithoutDetail(io.EOF))
}

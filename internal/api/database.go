package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// databaseAway reports whether err means that the database did not respond, rather
// than that it rejected a statement.
func databaseAway(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok { // it is stopping, out of resources, or has lost the connection
		return strings.HasPrefix(pg.Code, "57") || strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "08")
	}
	_, connect := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		connect || network || pgconn.Timeout(err) || pgconn.SafeToRetry(err)
}

// withoutDetail is err without the contents of rows, which Postgres quotes in the
// detail.
func withoutDetail(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	return fmt.Errorf("%s (SQLSTATE %s)", pg.Message, pg.Code)
}

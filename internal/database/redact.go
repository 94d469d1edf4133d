package database

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// WithoutDetail returns the Postgres error in err without its detail, hint and
// context, where Postgres quotes the contents of rows. Any other error is returned
// as it is. The message stays: a trigger of the application's may quote a row there.
func WithoutDetail(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	return &pgconn.PgError{
		Severity: pg.Severity, Code: pg.Code, Message: pg.Message,
		TableName: pg.TableName, ColumnName: pg.ColumnName, ConstraintName: pg.ConstraintName,
	}
}

package database

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
)

// ExplainRights adds to an error of the migrations what a right is missing for: the
// GRANT that an administrator has to run, or that the role does not own a table. Any
// other error is returned as it is.
//
// Since Postgres 15 only the owner of a database may create tables in its schema
// public.
func ExplainRights(ctx context.Context, pool *pgxpool.Pool, err error) error {
	if err == nil || Code(err) != InsufficientPrivilege {
		return err
	}
	grants, failed := queries.New().ServerGrantListMissing(ctx, pool)
	switch {
	case failed != nil:
		return err
	case len(grants) == 0:
		return fmt.Errorf("%w: run the migrations as the role that owns the tables, with `tasksync migrate up`, and the daemon with --no-migrate", err)
	}
	return fmt.Errorf("%w: let the owner of the database run: %s", err, strings.Join(grants, "; "))
}

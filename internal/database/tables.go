package database

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
)

// Trouble tells why the database is of no use now: it does not answer within a
// second, or tables are missing. It returns "" when all is well.
func Trouble(pool *pgxpool.Pool) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	missing, err := MissingTables(ctx, pool)
	if err != nil {
		return "database does not answer: " + RedactURL(err, pool.Config().ConnString())
	}
	return missing
}

// MissingTables names the tables that migrations have made and that are gone, and
// tells what to do. It returns "" when none is missing.
func MissingTables(ctx context.Context, pool *pgxpool.Pool) (string, error) {
	missing, err := queries.New().DoctorTableListMissing(ctx, pool)
	if err != nil || len(missing) == 0 {
		return "", err
	}
	return "tables are missing: " + strings.Join(missing, ", ") +
		"; run `tasksync migrate up`, and if they are missing still, restore them from a backup, or have them made anew: DROP SCHEMA IF EXISTS tasksync CASCADE; DROP TABLE public.tasksync_goose_version; and then `tasksync migrate up`", nil
}

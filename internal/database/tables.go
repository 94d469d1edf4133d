package database

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
)

// Check tells why the database is of no use now: it does not answer within a second,
// takes no writes, or tables are missing. It returns "" when all is well.
func (g *Guard) Check(pool *pgxpool.Pool) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	missing, err := MissingTables(ctx, pool)
	if err == nil {
		err = g.checkWrites(ctx, pool)
	}
	if err == nil {
		g.serves() // by a session that was open already, if no new one could be made
		return missing
	}
	if trouble := g.Trouble(); trouble != "" {
		return trouble
	}
	return "database does not answer: " + Reason(err)
}

// checkWrites notices that the server has become read-only while nothing was written.
// A new session tells why.
func (g *Guard) checkWrites(ctx context.Context, pool *pgxpool.Pool) error {
	readOnly, err := queries.New().ServerReadOnlyGet(ctx, pool)
	if err != nil || !readOnly {
		return err
	}
	g.reset()
	return pool.Ping(ctx)
}

// MissingTables names the tables that migrations have made and that are gone, and
// tells what to do. It returns "" when none is missing.
func MissingTables(ctx context.Context, pool *pgxpool.Pool) (string, error) {
	missing, err := queries.New().DoctorTableListMissing(ctx, pool)
	if err != nil || len(missing) == 0 {
		return "", err
	}
	adopt := ""
	if slices.Contains(missing, "public.music_generations") {
		adopt = "; if views over a table of yours stood there, run `tasksync adopt` again; else"
	}
	return "tables are missing: " + strings.Join(missing, ", ") + cmp.Or(adopt, ";") +
		" run `tasksync migrate up`, and if they are missing still, restore them from a backup, or have them made anew, without the late results and clips that are kept there: DROP SCHEMA IF EXISTS tasksync CASCADE; DROP TABLE public.tasksync_goose_version; and then `tasksync migrate up`", nil
}

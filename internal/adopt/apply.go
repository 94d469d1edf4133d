package adopt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/database"
	"tasksync/internal/wait"
	"tasksync/queries"
)

// ErrTaken is wrapped by the error for a database in which music_generations or
// music_clips is something else already.
var ErrTaken = errors.New("the name is taken")

// CheckFree returns an error unless the names of the views are free, or are those of
// views that an earlier adoption has made.
func CheckFree(ctx context.Context, db queries.DBTX) error {
	q := queries.New()
	for _, name := range []string{"music_generations", "music_clips"} {
		list, err := q.AdoptRelationList(ctx, db, "public."+name)
		if err != nil {
			return fmt.Errorf("look for public.%s: %w", name, err)
		}
		if len(list) == 0 {
			continue
		}
		adopted, err := database.Adopted(ctx, db)
		if err != nil {
			return err
		}
		if list[0].Kind == "v" && adopted != nil {
			continue
		}
		if list[0].Kind != "r" && list[0].Kind != "p" {
			return fmt.Errorf("%w: public.%s is a view or another relation that tasksync has not made; rename it, then run `tasksync adopt` again", ErrTaken, name)
		}
		empty, err := isEmpty(ctx, db, name)
		if err != nil {
			return err
		}
		if empty {
			return fmt.Errorf("%w: public.%s is an empty table, as `tasksync migrate up` makes it; if nothing uses it: DROP TABLE IF EXISTS public.music_clips, public.music_generations; and then run `tasksync adopt` again", ErrTaken, name)
		}
		return fmt.Errorf("%w: public.%s is a table that has rows. tasksync works on it as it is, if its columns allow it (`tasksync doctor`); to adopt another table, rename this one first", ErrTaken, name)
	}
	return nil
}

// isEmpty makes its SQL here, because sqlc's queries are for one table each.
func isEmpty(ctx context.Context, db queries.DBTX, name string) (empty bool, err error) {
	err = db.QueryRow(ctx, "SELECT NOT EXISTS (SELECT FROM "+pgx.Identifier{"public", name}.Sanitize()+")").Scan(&empty)
	return empty, err
}

// Apply runs a migration on a database. It tells what it does, and what it waits for.
// What was done stays done when it fails: it can be run again, or be removed.
func Apply(ctx context.Context, conn *pgx.Conn, m Migration, tell func(string)) error {
	if err := CheckFree(ctx, conn); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `SET statement_timeout = 0`); err != nil { // an index may take long
		return err
	}
	if _, err := conn.Exec(ctx, m.Prepare); err != nil {
		return fmt.Errorf("make what stands beside the table: %w", err)
	}
	if err := buildIndexes(ctx, conn, m, tell); err != nil {
		return err
	}
	return retryLocked(ctx, conn, m.Relation, tell, func() error {
		_, err := conn.Exec(ctx, m.Layer)
		return err
	})
}

// How a lock is tried for.
const (
	lockPatience = 2 * time.Minute
	minLockWait  = 100 * time.Millisecond
	maxLockWait  = 5 * time.Second
)

// retryLocked runs f, which gives up soon on a lock that it does not get: writers would
// queue behind it. It tries again, and tells whom it waits for.
func retryLocked(ctx context.Context, conn *pgx.Conn, relation int64, tell func(string), f func() error) error {
	backoff, end := wait.Backoff{Least: minLockWait, Most: maxLockWait}, time.Now().Add(lockPatience)
	for told := ""; ; {
		err := f()
		code := database.Code(err)
		if code != database.LockNotAvailable && code != deadlockDetected {
			return err
		}
		who := blockers(ctx, conn, relation)
		if time.Now().After(end) {
			return fmt.Errorf("the table is locked%s; end that transaction, or run it again later: %w", who, err)
		}
		if who != told {
			tell("the table is locked" + who + "; trying again")
			told = who
		}
		if err := wait.For(ctx, backoff.Next()); err != nil {
			return err
		}
	}
}

const deadlockDetected = "40P01"

// blockers describes who holds locks on the table.
func blockers(ctx context.Context, conn *pgx.Conn, relation int64) string {
	list, err := queries.New().AdoptBlockerList(ctx, conn, relation)
	if err != nil || len(list) == 0 {
		return ""
	}
	var texts []string
	for _, b := range list {
		texts = append(texts, fmt.Sprintf("pid %d %s (%s, since %s)", b.Pid, b.ApplicationName, b.State, b.Since))
	}
	return " by " + strings.Join(texts, ", ")
}

// Remove takes an adoption away: the views, the functions, the triggers and the indexes.
// Results that have no place in the application's table stay in schema tasksync. It
// returns the table's name; "" if nothing was adopted.
func Remove(ctx context.Context, conn *pgx.Conn, tell func(string)) (string, error) {
	q := queries.New()
	adopted, err := database.Adopted(ctx, conn)
	if err != nil {
		return "", err
	}
	list, err := q.AdoptionList(ctx, conn)
	if err != nil {
		return "", fmt.Errorf("look for an adopted table: %w", err)
	}
	if adopted == nil {
		return "", nil
	}
	var tables []string
	var relation int64
	if list[0].Name != "" {
		name := pgx.Identifier{list[0].SchemaName, list[0].Name}.Sanitize()
		tables = append(tables, name)
		if found, err := q.AdoptRelationList(ctx, conn, name); err == nil && len(found) > 0 {
			relation = found[0].ID
		}
	}
	unlayer, err := execute("unlayer", struct{ Tables []string }{tables})
	if err != nil {
		return "", err
	}
	if err := retryLocked(ctx, conn, relation, tell, func() error {
		_, err := conn.Exec(ctx, unlayer)
		return err
	}); err != nil {
		return "", fmt.Errorf("drop the views and triggers: %w", err)
	}
	return adopted.Table, removeRest(ctx, conn, relation, tell)
}

func removeRest(ctx context.Context, conn *pgx.Conn, relation int64, tell func(string)) error {
	if err := dropIndexes(ctx, conn, relation, tell); err != nil {
		return err
	}
	unprepare, err := execute("unprepare", nil)
	if err == nil {
		_, err = conn.Exec(ctx, unprepare)
	}
	if err != nil {
		return fmt.Errorf("drop what stands beside the table: %w", err)
	}
	return nil
}

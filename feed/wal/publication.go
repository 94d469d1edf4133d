package wal

import (
	"context"
	"fmt"

	"tasksync/internal/database"
)

// The publication publishes inserts only, because a write of the application must
// never fail because of tasksync. If updates were published, Postgres would refuse
// all updates of a table without a replica identity, and with a row filter those of
// nearly any table. No migration makes the publication, because not every database
// allows it, and only readers of the WAL need it: the first reader makes it.
//
// The statements are here because sqlc does not know them. createFiltered is for
// Postgres 15 and later. Where the server refuses it (an older server, a status that
// is an enum), createPlain is used, and only the reader filters.
const (
	filtered = `public.music_generations (id, task_type, status)
	WHERE (task_type IS NOT NULL AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[]))`
	createFiltered = `CREATE PUBLICATION tasksync FOR TABLE ` + filtered + `
	WITH (publish = 'insert', publish_via_partition_root = true)`
	alterFiltered = `ALTER PUBLICATION tasksync SET TABLE ` + filtered
	createPlain   = `CREATE PUBLICATION tasksync FOR TABLE public.music_generations
	WITH (publish = 'insert', publish_via_partition_root = true)`
	dropPublication = `DROP PUBLICATION IF EXISTS tasksync`
)

// ensurePublication makes the publication, unless there is one that publishes the
// rows, by whichever way it came about. It drops the slot first: a slot that is older
// than its publication can never be read past the point where the publication was
// made.
func (r *Reader) ensurePublication(ctx context.Context) error {
	p, err := r.queries.PublicationGet(ctx, r.cfg.Pool)
	if err != nil {
		return fmt.Errorf("read the publication: %w", err)
	}
	switch {
	case p.Usable && p.Outdated:
		return r.alterPublication(ctx)
	case p.Usable:
		return nil
	}
	status, err := r.Status(ctx)
	if err != nil {
		return err
	}
	if status.Present {
		if err := r.drop(ctx, status, "there is no publication to read it with"); err != nil {
			return err
		}
	}
	if p.Present {
		if _, err := r.cfg.Pool.Exec(ctx, dropPublication); err != nil {
			return explain("drop the publication that lacks music_generations", err, publicationSteps)
		}
	}
	return r.createPublication(ctx)
}

// alterPublication brings the row filter up to date that an older version made, with
// fewer words for a pending row. The slot stays as it is. Without the right to do so
// the reader goes on: the sweep finds the rows that the filter holds back.
func (r *Reader) alterPublication(ctx context.Context) error {
	_, err := r.cfg.Pool.Exec(ctx, alterFiltered)
	switch {
	case database.Code(err) != "" && !database.Away(err):
		r.cfg.Logger.Warn("[TaskSync] The publication knows only some of the words for a pending row; rows with others wait for the sweep",
			"error", explain("alter the publication", err, publicationSteps))
		return nil
	case err != nil:
		return fmt.Errorf("alter the publication: %w", err)
	}
	return nil
}

func (r *Reader) createPublication(ctx context.Context) error {
	_, err := r.cfg.Pool.Exec(ctx, createFiltered)
	switch database.Code(err) {
	case database.SyntaxError, database.FeatureNotSupported, database.InvalidTextRepresentation, database.DatatypeMismatch:
		r.cfg.Logger.Info("[TaskSync] The server cannot filter the rows of the publication; the reader does", "error", err)
		_, err = r.cfg.Pool.Exec(ctx, createPlain)
	}
	if err != nil && database.Code(err) != database.DuplicateObject { // another daemon was faster
		return explain("create the publication", err, publicationSteps)
	}
	return nil
}

package archive

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/database"
	"tasksync/queries"
	"tasksync/syncer"
	"tasksync/task"
)

// JobInserter inserts jobs for rows in a transaction.
type JobInserter interface {
	InsertArchive(ctx context.Context, tx pgx.Tx, generationIDs []string) error
}

// Effect plans the files of rows that have just become complete, in the transaction that
// completes them. What goes wrong here costs no row its end: it is undone, counted and
// logged.
func (a *Archiver) Effect(ctx context.Context, tx pgx.Tx, ends []syncer.Ending) error {
	var ids []string
	for _, e := range ends {
		if e.To == task.Complete {
			ids = append(ids, e.Generation.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		planned, err := a.enqueue(ctx, savepoint, ids, nil, false)
		if err != nil || len(planned) == 0 {
			return err
		}
		return a.cfg.Job.InsertArchive(ctx, savepoint, planned)
	})
	if err != nil && !database.Away(err) {
		a.metrics.left.Add(float64(len(ids)))
		if a.told.First("unplanned", time.Now()) {
			a.cfg.Logger.Error("[TaskSync] The files of rows that ended could not be planned; tasksync archive --backfill plans them", "rows", len(ids), "error", database.WithoutDetail(err))
		}
		return nil
	}
	return err
}

// enqueue plans the files of rows, at these hosts only if there are any, and returns the
// rows with files that were not planned before. leaveTheirs leaves columns that the
// application has written over.
func (a *Archiver) enqueue(ctx context.Context, db queries.DBTX, ids, hosts []string, leaveTheirs bool) ([]string, error) {
	planned, err := a.queries.ArchiveEnqueueMany(ctx, db, queries.ArchiveEnqueueManyParams{
		GenerationIds: ids, CompleteWords: a.words(), Kinds: a.cfg.Settings.Kinds, OwnPrefix: a.target.own(), Hosts: orNone(hosts), LeaveTheirs: leaveTheirs,
	})
	slices.Sort(planned)
	return slices.Compact(planned), err
}

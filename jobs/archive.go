package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"tasksync/internal/wait"
)

// Archiver copies the files of complete rows.
type Archiver interface {
	// Archive copies the files of a row that are due. It returns how long to wait before
	// the next call; 0: there is none.
	Archive(ctx context.Context, generationID string, job int64) (time.Duration, error)
	// Due returns rows with files that nobody works on.
	Due(ctx context.Context) ([]string, error)
}

const (
	queueArchive = "archive"
	// archiveWorkers is how many rows are archived at once. Each holds one part of a file
	// in memory, and no connection to the database while bytes flow.
	archiveWorkers = 4
	// archiveTimeout is the time of one job: several large files over a slow line.
	archiveTimeout = 15 * time.Minute
	// archiveSweepEvery spaces the searches for files that no job looks after.
	archiveSweepEvery = 10 * time.Second
)

// ArchiveArgs is a job that copies the files of one row.
type ArchiveArgs struct {
	GenerationID string `json:"generation_id"`
}

// Kind implements river.JobArgs.
func (ArchiveArgs) Kind() string { return "archive" }

// InsertOpts implements river.JobArgsWithInsertOpts. A file that cannot be copied is no
// failed job: it uses up no attempt.
func (ArchiveArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queueArchive, MaxAttempts: 10}
}

// archiveWorker works on one row. A daemon without an Archiver has the worker too, but not
// the queue: its River must know the kind, so as not to discard jobs of other daemons.
type archiveWorker struct {
	river.WorkerDefaults[ArchiveArgs]
	archiver Archiver
}

// Timeout implements river.Worker.
func (w *archiveWorker) Timeout(*river.Job[ArchiveArgs]) time.Duration { return archiveTimeout }

// Work implements river.Worker.
func (w *archiveWorker) Work(ctx context.Context, job *river.Job[ArchiveArgs]) error {
	next, err := w.archiver.Archive(ctx, job.Args.GenerationID, job.ID)
	switch {
	case err != nil && ctx.Err() != nil:
		return river.JobSnooze(0) // stopping: another daemon may take the job at once
	case err != nil:
		return err
	case next > 0:
		return river.JobSnooze(next)
	}
	return nil
}

// sweepArchive gives jobs to rows with files that nobody works on.
func (c *Client) sweepArchive(ctx context.Context) {
	for wait.For(ctx, archiveSweepEvery) == nil {
		if err := c.sweepArchiveOnce(ctx); err != nil {
			c.tell(ctx, err, "[TaskSync] Files that no job archives are not looked for")
		}
	}
}

func (c *Client) sweepArchiveOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	ids, err := c.cfg.Archiver.Due(ctx)
	if err != nil || len(ids) == 0 {
		return err
	}
	_, err = c.river.InsertMany(ctx, archiveJobs(ids, river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}}))
	return err
}

func archiveJobs(ids []string, unique river.UniqueOpts) []river.InsertManyParams {
	params := make([]river.InsertManyParams, len(ids))
	for i, id := range ids {
		params[i].Args = ArchiveArgs{GenerationID: id}
		params[i].InsertOpts = &river.InsertOpts{UniqueOpts: unique}
	}
	return params
}

// Inserter inserts jobs in transactions of others, and works none.
type Inserter struct{ river *river.Client[pgx.Tx] }

// NewInserter returns an inserter.
func NewInserter() (*Inserter, error) {
	rc, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: Schema})
	if err != nil {
		return nil, fmt.Errorf("river: %w", err)
	}
	return &Inserter{rc}, nil
}

// InsertArchive inserts a job for each row, in the transaction.
func (i *Inserter) InsertArchive(ctx context.Context, tx pgx.Tx, generationIDs []string) error {
	_, err := i.river.InsertManyTx(ctx, tx, archiveJobs(generationIDs, river.UniqueOpts{}))
	if err != nil {
		return fmt.Errorf("insert jobs of the archive: %w", err)
	}
	return nil
}

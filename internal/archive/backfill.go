package archive

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/queries"
	"tasksync/task"
)

// BackfillRequest says which rows from before are archived.
type BackfillRequest struct {
	Since time.Time // rows that ended then or later
	Hosts []string  // only files at these hosts; none: at any host
}

const (
	backfillBatch   = 200
	backfillWorkers = 4
	firstID         = "00000000-0000-0000-0000-000000000000"
)

// Candidate is how many files of a kind a host has.
type Candidate struct {
	Kind, Host string
	Files      int64
}

// Candidates counts what Backfill would copy.
func (a *Archiver) Candidates(ctx context.Context, req BackfillRequest) ([]Candidate, error) {
	rows, err := a.queries.ArchiveCandidateStats(ctx, a.cfg.Pool, queries.ArchiveCandidateStatsParams{
		CompleteWords: a.words(), Since: req.Since, Kinds: a.cfg.Settings.Kinds, OwnPrefix: a.target.own(), Hosts: orNone(req.Hosts),
	})
	all := make([]Candidate, len(rows))
	for i, r := range rows {
		all[i] = Candidate{r.Kind, r.Host, r.Files}
	}
	return all, err
}

// Backfill copies the files of complete rows, whichever state a former run has left them in,
// and calls progress with the number of rows done and of all. What is archived is left out,
// so that a run that was interrupted goes on by being run again. Files that cannot be copied
// stay planned, for a daemon. Backfill returns the first error of the database.
func (a *Archiver) Backfill(ctx context.Context, req BackfillRequest, progress func(done, all int)) error {
	total, err := a.queries.ArchiveCandidateCount(ctx, a.cfg.Pool, queries.ArchiveCandidateCountParams{CompleteWords: a.words(), Since: req.Since})
	if err != nil {
		return fmt.Errorf("count complete rows: %w", err)
	}
	after, done := firstID, 0
	for {
		ids, err := a.queries.ArchiveCandidateList(ctx, a.cfg.Pool, queries.ArchiveCandidateListParams{
			AfterID: after, CompleteWords: a.words(), Since: req.Since, MaxRows: backfillBatch,
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		before := done
		if err := a.backfillBatch(ctx, ids, req.Hosts, func(n int) { progress(before+n, max(int(total), before+n)) }); err != nil {
			return err
		}
		done += len(ids)
		progress(done, max(int(total), done))
	}
}

// backfillBatch plans the files of rows and copies them, several rows at once.
func (a *Archiver) backfillBatch(ctx context.Context, ids, hosts []string, progress func(done int)) error {
	if _, err := a.enqueue(ctx, a.cfg.Pool, ids, hosts, len(hosts) == 0); err != nil {
		return fmt.Errorf("plan files: %w", err)
	}
	pending, err := a.queries.ArchiveListPending(ctx, a.cfg.Pool, ids)
	if err != nil {
		return fmt.Errorf("list planned files: %w", err)
	}
	var mu sync.Mutex
	done := len(ids) - len(pending)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(backfillWorkers)
	for _, id := range pending {
		group.Go(func() error {
			_, err := a.Archive(ctx, id, 0)
			mu.Lock()
			defer mu.Unlock()
			done++
			if err == nil {
				progress(done)
			}
			return err
		})
	}
	return group.Wait()
}

func (a *Archiver) words() []string { return a.cfg.Words.Spellings(task.Complete) }

func orNone(hosts []string) []string {
	if hosts == nil {
		return []string{}
	}
	return hosts
}

// Standing is how many files are in a state.
type Standing struct {
	State, Kind, Error       string
	Files, Bytes, Endangered int64
}

// Standings counts the files by state, kind and error.
func (a *Archiver) Standings(ctx context.Context) ([]Standing, error) {
	rows, err := a.queries.ArchiveStateList(ctx, a.cfg.Pool)
	all := make([]Standing, len(rows))
	for i, r := range rows {
		all[i] = Standing{r.State, r.Kind, r.Error, r.Files, r.Bytes, r.Endangered}
	}
	return all, err
}

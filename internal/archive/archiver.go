package archive

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/outbound"
	"tasksync/internal/recent"
	"tasksync/queries"
	"tasksync/task"
)

// Provider is what an Archiver needs to know of a provider.
type Provider struct {
	Name string
	// Retention is how long the provider keeps files; 0: DefaultRetention.
	Retention time.Duration
	// Recover asks the provider to make the files of a task anew, and Recovered for what
	// has come of it: no items if they are not ready. Nil: the provider has no such call.
	Recover   func(ctx context.Context, taskID string) error
	Recovered func(ctx context.Context, taskID string) ([]task.Item, error)
}

// Config is what an Archiver needs.
type Config struct {
	Pool     *pgxpool.Pool // required
	Settings Settings      // required, parsed
	Words    task.StatusWords
	// Words of column provider; Providers by their names, "" is the default one.
	ProviderWords task.ProviderWords
	Providers     map[string]Provider
	// Hosts are servers that files are fetched from although they are not public, as host:port.
	Hosts []string
	// Job inserts jobs for rows in a transaction. Required for Effect.
	Job JobInserter
	// Archived is called in the transaction that puts own URLs into rows, after the events.
	// Default: no call.
	Archived func(ctx context.Context, tx pgx.Tx, generationIDs []string) error
	// Committed is called after each commit of events. Default: no call.
	Committed  func()
	Logger     *slog.Logger          // default: discard
	Registerer prometheus.Registerer // nil: the metrics are not registered
}

// Archiver copies files. It is safe for concurrent use.
type Archiver struct {
	cfg      Config
	target   target
	store    Store
	guard    outbound.Guard
	source   *http.Client
	queries  *queries.Queries
	metrics  *metrics
	told     recent.Seldom
	readable atomic.Bool // an own URL was read once
}

const (
	// Timeout bounds a run of Archive: it begins no file after enough, and ends each one
	// after fileTimeout.
	Timeout     = 15 * time.Minute
	fileTimeout = 10 * time.Minute
	enough      = 4 * time.Minute
	// headerTimeout bounds the wait for the beginning of an answer.
	headerTimeout = 30 * time.Second
	dialTimeout   = 10 * time.Second
	tellAgain     = 10 * time.Minute
)

// New makes an Archiver. It sends no request: a store that is away delays files, and
// nothing else.
func New(cfg Config) (*Archiver, error) {
	t, err := cfg.Settings.target()
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	store, err := openStore(t)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	if cfg.Committed == nil {
		cfg.Committed = func() {}
	}
	a := &Archiver{
		cfg: cfg, target: t, store: store, guard: outbound.Guard{Hosts: cfg.Hosts}, queries: queries.New(),
		metrics: newMetrics(cfg.Registerer), told: recent.Seldom{Again: tellAgain},
	}
	a.source = a.guard.Client(dialTimeout)
	if transport, ok := a.source.Transport.(*http.Transport); ok {
		transport.ResponseHeaderTimeout = headerTimeout
	}
	a.readable.Store(!t.check)
	return a, nil
}

// file is a claimed file on its way.
type file struct {
	queries.ArchiveClaimRow
	result   prospect
	state    string
	clipGone bool
	err      *failure // why it is not stored
}

// States of files.
const (
	statePending    = "pending"
	stateArchived   = "archived"
	stateSuperseded = "superseded" // the column has another value than the source, or the row is not complete
	stateRemoved    = "removed"    // the row or the clip is gone
	stateLost       = "lost"
)

// run is the work on one row.
type run struct {
	*Archiver
	id       string
	claim    string
	g        task.Generation
	provider Provider
	files    []*file
}

// Archive copies the files of a row that are due, and puts the own URLs into its clips. It
// returns how long to wait before the next call; 0: nothing is left, or others work on it. job is the River job
// that works on the row; 0: none.
func (a *Archiver) Archive(ctx context.Context, generationID string, job int64) (wait time.Duration, err error) {
	r := &run{Archiver: a, id: generationID, claim: rand.Text()}
	rows, err := a.queries.ArchiveClaim(ctx, a.cfg.Pool, queries.ArchiveClaimParams{
		Claim: r.claim, Job: job, Seconds: (Timeout + time.Minute).Seconds(), GenerationID: generationID,
	})
	if err != nil {
		return 0, fmt.Errorf("claim files: %w", err)
	}
	for _, row := range rows {
		r.files = append(r.files, &file{ArchiveClaimRow: row})
	}
	if len(r.files) > 0 {
		err = r.work(ctx)
	}
	if err != nil {
		r.release(ctx)
	}
	if err != nil && !errors.Is(err, errLost) { // one file is another run's; the rest of them is due
		return 0, err
	}
	next, err := a.queries.ArchiveNextDue(ctx, a.cfg.Pool, generationID)
	if err != nil || next.DueAt.Year() == 1 {
		return 0, err
	}
	return max(next.DueAt.Sub(next.Now), time.Millisecond), nil
}

// release gives back what the run has claimed.
func (r *run) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = r.queries.ArchiveRelease(ctx, r.cfg.Pool, queries.ArchiveReleaseParams{GenerationID: r.id, Claim: r.claim}) // the claim expires anyway
}

// Due returns rows with files that nobody works on.
func (a *Archiver) Due(ctx context.Context) ([]string, error) {
	return a.queries.ArchiveListOverdue(ctx, a.cfg.Pool, queries.ArchiveListOverdueParams{Seconds: dueGrace.Seconds(), MaxRows: dueMax})
}

const (
	// dueGrace is how long a file may be due before Due tells of it.
	dueGrace = 10 * time.Second
	dueMax   = 500
)

// work stores the files, and finishes the row. It returns an error if the database is away
// or ctx has ended.
func (r *run) work(ctx context.Context) error {
	rows, err := r.queries.GenerationList(ctx, r.cfg.Pool, []string{r.id})
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		r.g = task.Generation{ID: r.id, UserID: rows[0].UserID, TaskID: rows[0].TaskID, Provider: r.cfg.ProviderWords.Name(rows[0].Provider), Status: r.cfg.Words.Read(rows[0].Status)}
		r.provider = r.cfg.Providers[r.g.Provider]
	}
	if r.g.Status == task.Complete {
		began := time.Now()
		for _, f := range r.files {
			if time.Since(began) > enough {
				f.err = failed("out_of_time") // the next run goes on
				continue
			}
			if err := r.keep(ctx, f); err != nil {
				return err
			}
		}
		if err := r.recover(ctx); err != nil {
			return err
		}
	}
	return r.finish(ctx)
}

// keep stores one file, and notes in it what went wrong.
func (r *run) keep(ctx context.Context, f *file) error {
	fileCtx, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	err := r.copy(fileCtx, f)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if away, ok := err.(*databaseError); ok { //nolint:errorlint // copy returns it as it is
		return away.error
	}
	f.err = asFailure(err)
	return nil
}

// databaseError is an error of the database, for which the whole run ends.
type databaseError struct{ error }

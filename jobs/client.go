package jobs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"tasksync/internal/recent"
	"tasksync/internal/record"
	"tasksync/queries"
	"tasksync/syncer"
	"tasksync/task"
)

type jobRow = rivertype.JobRow

// Schema is where River's tables are.
const Schema = "tasksync"

// River's times. A job's context ends after jobTimeout, which is enough for the fetch
// of a pass (10 s, and 3 s for calls that are on their way by then) and its probes
// (4 s); its commit has another 6 s. A job that still counts as running after
// staleAfter belonged to a daemon that died, whether or not its end was noticed
// earlier (alive.go).
const (
	jobTimeout = 17 * time.Second
	staleAfter = 24 * time.Second
	// fetchCooldown bounds both the throughput (workers per cooldown) and how soon a
	// job is picked up. River's default of 100 ms is too slow.
	fetchCooldown = 5 * time.Millisecond
	// notifyCooldown is the cooldown of River's notifications: of two inserts within it
	// only the first is announced, and the job of the second waits for the next poll.
	// Two calls of HandOn are never that close.
	notifyCooldown = time.Millisecond
	// backlogWorkers is how many passes over overdue rows run at once.
	backlogWorkers = 4
	// softStop is how long running passes may go on before they are told to give their
	// jobs back.
	softStop = 2 * time.Second
)

// Config is what a Client needs.
type Config struct {
	Pool     *pgxpool.Pool  // required
	Syncer   *syncer.Syncer // required
	Handlers task.Handlers  // required: the task types that are followed
	Logger   *slog.Logger   // default: discard
	// CohortSizes is how many generations of a provider one job follows at most, by the
	// provider's name; "" is for rows that name none. Default: 10 for those.
	CohortSizes map[string]int
	// Providers says which of the names the words in column provider mean; nil: the
	// words are the names. Rows with any other word are not followed.
	Providers task.ProviderWords
	// Words are the application's words for the statuses.
	Words task.StatusWords
	// Workers is how many passes run at once; default 50.
	Workers int
	// SweepInterval spaces the sweeps of all daemons together, and the runs of expire; default 5 s.
	SweepInterval time.Duration
	// PollOnly keeps River from LISTEN, for poolers in transaction mode.
	PollOnly bool
	// Committed is called after events of new rows were committed. nil: nobody follows
	// events, and none are written for new rows.
	Committed func()
	// Recorder keeps when and by what rows were heard of; nil: nothing is kept. HeardBy
	// names the feed that hands on rows.
	Recorder *record.Writer
	HeardBy  func() string
	// Sessions names the sessions of this daemon, by which another one ends them if this
	// one dies: PID@START, in microseconds since 1970. Default: none.
	Sessions func() []string
	// Archiver copies the files of complete rows; nil: no such jobs are worked.
	Archiver Archiver
	// Extras are the kinds of jobs of other packages.
	Extras []Extra
	Now    func() time.Time // default time.Now
}

func (c Config) withDefaults() Config {
	c.Workers = cmp.Or(c.Workers, 50)
	c.SweepInterval = cmp.Or(c.SweepInterval, 5*time.Second)
	if c.CohortSizes == nil {
		c.CohortSizes = map[string]int{"": 10}
	}
	if c.Providers == nil {
		c.Providers = task.ProviderNames(maps.Keys(c.CohortSizes))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.HeardBy == nil {
		c.HeardBy = func() string { return "feed" }
	}
	if c.Sessions == nil {
		c.Sessions = func() []string { return nil }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Client inserts and works jobs. Start it, then Stop it; HandOn and Sweep also
// work before Start.
type Client struct {
	cfg     Config
	queries *queries.Queries
	river   *river.Client[pgx.Tx]
	odd     recent.Seldom // searches for odd words
	told    recent.Seldom // of odd words, once each
	untold  recent.Seldom // new rows that pages are not told of
	failed  recent.Seldom // what failed, once a minute

	ends   context.CancelFunc // ends what runs beside River
	beside sync.WaitGroup
}

// New makes a Client that has not been started.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	c := &Client{
		cfg: cfg, queries: queries.New(), ends: func() {},
		odd: recent.Seldom{Again: oddWordsEvery}, untold: recent.Seldom{Again: sayAgain}, failed: recent.Seldom{Again: sayAgain},
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &syncWorker{syncer: cfg.Syncer, now: cfg.Now, client: c})
	river.AddWorker(workers, &sweepWorker{client: c})
	river.AddWorker(workers, &expireWorker{syncer: cfg.Syncer, queries: c.queries, client: c})
	river.AddWorker(workers, &archiveWorker{archiver: cfg.Archiver})
	for _, e := range cfg.Extras {
		e.Add(workers)
	}
	rc, err := river.NewClient(riverpgxv5.New(cfg.Pool), c.riverConfig(workers))
	if err != nil {
		return nil, fmt.Errorf("river: %w", err)
	}
	c.river = rc
	return c, nil
}

func (c *Client) riverConfig(workers *river.Workers) *river.Config {
	return &river.Config{
		Schema:  Schema,
		Workers: workers,
		Queues:  c.queues(),
		PeriodicJobs: []*river.PeriodicJob{
			c.periodic(ExpireArgs{}),
		},
		FetchCooldown:               notifyCooldown,
		FetchPollInterval:           250 * time.Millisecond, // River does not notify when a short snooze is over
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        staleAfter,
		CompletedJobRetentionPeriod: time.Minute,
		CancelledJobRetentionPeriod: time.Minute,
		DiscardedJobRetentionPeriod: 24 * time.Hour,
		SoftStopTimeout:             softStop,
		PollOnly:                    c.cfg.PollOnly,
		ErrorHandler:                &errorHandler{logger: c.cfg.Logger, told: newTold(), now: c.cfg.Now},
		RetryPolicy:                 &retryPolicy{now: c.cfg.Now},
		Logger:                      quiet(c.cfg.Logger, c.cfg.Now),
	}
}

func (c *Client) queues() map[string]river.QueueConfig {
	all := map[string]river.QueueConfig{
		queueSync:        {MaxWorkers: c.cfg.Workers, FetchCooldown: fetchCooldown},
		queueBacklog:     {MaxWorkers: min(backlogWorkers, c.cfg.Workers), FetchCooldown: 100 * time.Millisecond},
		queueMaintenance: {MaxWorkers: 4, FetchCooldown: 100 * time.Millisecond},
	}
	if c.cfg.Archiver != nil {
		all[queueArchive] = river.QueueConfig{MaxWorkers: archiveWorkers, FetchCooldown: 100 * time.Millisecond, FetchPollInterval: time.Second}
	}
	for _, e := range c.cfg.Extras {
		maps.Copy(all, e.Queues)
	}
	return all
}

func (c *Client) periodic(args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(c.cfg.SweepInterval),
		func() (river.JobArgs, *river.InsertOpts) { return args, nil },
		&river.PeriodicJobOpts{RunOnStart: true})
}

// Start begins to work jobs, and returns at once. When ctx ends, the client
// stops.
func (c *Client) Start(ctx context.Context) error {
	if err := c.river.Start(ctx); err != nil {
		return fmt.Errorf("start river: %w", err)
	}
	ctx, c.ends = context.WithCancel(ctx)
	c.beside.Go(func() { c.alive(ctx) })
	c.beside.Go(func() { c.sweeps(ctx) })
	if c.cfg.Archiver != nil {
		c.beside.Go(func() { c.sweepArchive(ctx) })
	}
	return nil
}

// Stop lets running passes finish for a few seconds, then tells them to give
// their jobs back. It waits until everything is written, or ctx ends.
func (c *Client) Stop(ctx context.Context) error {
	err := c.river.Stop(ctx)
	c.ends()
	c.beside.Wait()
	if err != nil {
		return fmt.Errorf("stop river: %w", err)
	}
	return nil
}

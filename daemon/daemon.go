package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/feed"
	"tasksync/internal/api"
	"tasksync/internal/archive"
	"tasksync/internal/auth"
	"tasksync/internal/database"
	"tasksync/internal/live"
	"tasksync/internal/outgoing"
	"tasksync/internal/pauses"
	"tasksync/internal/planner"
	"tasksync/internal/record"
	"tasksync/internal/settle"
	"tasksync/jobs"
	"tasksync/syncer"
	"tasksync/task"
)

// Run serves until ctx ends and then stops within 10 s; a stop that was asked
// for returns nil. It returns an error that wraps ErrConfig for a Config that
// cannot be run, and ErrSchema for a database that lacks migrations.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	d := &daemon{cfg: cfg, health: newHealth("database", "feed", "jobs")}
	return unlessAsked(ctx, d.run(ctx, d.parts()))
}

// unlessAsked returns err, or nil if err is no more than that ctx has ended, for
// whatever cause.
func unlessAsked(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}

// daemon has what the parts have made, each for the parts after it.
type daemon struct {
	cfg    Config
	health *health
	grace  context.Context // ends stopTimeout after the beginning of a stop

	registry  *registry
	admin     *adminServer
	server    *publicServer
	guard     *database.Guard // of the sessions to DatabaseURL
	direct    *database.Guard // of those to ListenURL: most often the same
	pool      *pgxpool.Pool
	pooled    bool             // through a pooler in transaction mode
	statuses  []task.Status    // that rows can have; nil: all
	now       func() time.Time // the database's clock
	upstreams *upstreams
	providers task.ProviderWords
	planner   *planner.Planner
	holders   []share         // of the limits
	pauses    *pauses.Book    // of calls, by operators
	recorder  *record.Writer  // of looks; nil: they are not kept
	settler   *settle.Settler // nil without Config.Settle
	syncer    *syncer.Syncer
	archiver  *archive.Archiver  // nil: nothing is archived
	notifier  *outgoing.Notifier // nil: no server is told of ends
	announcer *live.Announcer    // tells the streams of all daemons what was committed
	broker    *live.Broker
	verifier  *auth.Verifier // nil without keys
	api       *api.API
	jobs      *jobs.Client
	feed      *feed.Feed

	consoleData *consoleData
}

// parts is the list that the package comment describes.
func (d *daemon) parts() []part {
	return []part{
		{name: "metrics", open: d.openMetrics, close: d.closeMetrics},
		{name: "admin server", open: d.openAdmin, run: d.watchAdmin, close: d.closeAdmin},
		{name: "HTTP server", open: d.openServer, run: d.watchServer, close: d.closeServer},
		{name: "database", open: d.openDatabase, close: d.closeDatabase},
		{name: "sessions", open: func(context.Context) error { return nil }, run: d.endLeft},
		{name: "schema", open: d.openSchema, run: d.examineBeside},
		{name: "settlements", open: d.openSettler, run: d.runSettler},
		{name: "syncer", open: d.openSyncer, run: d.runLooks},
		{name: "API", open: d.openAPI, run: d.runAPI},
		{name: "jobs", open: d.openJobs, run: d.runJobs},
		{name: "requests", open: d.admitRequests, run: d.refuseRequests},
		{name: "console", open: d.openConsole, run: d.runConsole},
		{name: "feed", open: d.openFeed, run: d.runFeed},
	}
}

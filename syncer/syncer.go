package syncer

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/recent"
	"tasksync/queries"
	"tasksync/task"
)

// Upstream asks an upstream API how tasks stand. It returns one observation per
// task that was answered, in any order; a task that is missing was not
// reported, which is never a failure of the task. When a call failed, the error
// (a [*task.Failure] where the adapter could tell) speaks for all tasks that
// are missing, and the observations that there are still hold. Fetch is called
// concurrently.
type Upstream interface {
	Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error)
}

// Prober looks whether a URL can be played before a row carries it. Probe is
// called concurrently and takes a few seconds at most.
type Prober interface {
	Probe(ctx context.Context, url string) task.Probe
}

// Config is what a Syncer needs.
type Config struct {
	Pool *pgxpool.Pool // required
	// Upstreams are asked for the rows that name them in column provider; "" is
	// asked for those that name none. Rows of any other name are left pending.
	Upstreams  map[string]Upstream
	Prober     Prober       // nil: nothing is ever known of a URL
	Policy     task.Policy  // required; see task.DefaultPolicy
	Logger     *slog.Logger // default: discard
	Registerer prometheus.Registerer
	// FetchTimeout bounds the upstream part of a pass; default 10 s. Members
	// that were not answered by then are looked at again later.
	FetchTimeout time.Duration
	// CommitTimeout bounds the database part of a pass; default 6 s.
	CommitTimeout time.Duration
	// Committed is called after each commit of rows or events. It must not wait.
	// Default: nobody.
	Committed func()
	Now       func() time.Time // default time.Now
}

func (c Config) withDefaults() Config {
	c.FetchTimeout = cmp.Or(c.FetchTimeout, 10*time.Second)
	c.CommitTimeout = cmp.Or(c.CommitTimeout, 6*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Committed == nil {
		c.Committed = func() {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Syncer runs passes. It is safe for concurrent use.
type Syncer struct {
	cfg     Config
	queries *queries.Queries
	metrics *metrics
	sources map[string]*source // by provider; "" is the default
	unknown recent.Seldom      // names that rows have made up
	seldom  recent.Seldom      // what goes on until somebody mends it
	looks   looks
}

// tellAgain is when a trouble that goes on is logged again.
const tellAgain = 10 * time.Minute

// New makes a Syncer.
func New(cfg Config) *Syncer {
	cfg = cfg.withDefaults()
	s := &Syncer{cfg: cfg, queries: queries.New(), metrics: newMetrics(cfg.Registerer), seldom: recent.Seldom{Again: tellAgain}}
	s.sources = map[string]*source{}
	for name, up := range cfg.Upstreams {
		s.sources[name] = &source{name: name, upstream: up}
	}
	return s
}

// PastDeadline reports whether a row that was created at that time is past its
// deadline and the look that is due then, as far as its row alone tells.
func (s *Syncer) PastDeadline(created time.Time) bool {
	return s.cfg.Policy.Overdue(s.cfg.Now(), task.Generation{CreatedAt: created})
}

// Via is what made a pass happen, as the event log has it.
type Via string

// The ways to a pass. A decision of the deadline is always logged as timeout.
const (
	ViaPoll    Via = "poll"
	ViaWebhook Via = "webhook"
	ViaRequest Via = "request"
	ViaTimeout Via = "timeout"
	ViaLate    Via = "late"
	ViaRetry   Via = "retry"
)

// Request is a pass to be made.
type Request struct {
	IDs []string // generation ids; what is no UUID is refused one by one
	Via Via      // default: poll
	// First marks rows that were just heard of, for the delay metric.
	First bool
	// NotBefore holds the ids that are not due before a time; they are loaded
	// but not asked for. Nil: all are due.
	NotBefore map[string]time.Time
	// Spacing spares the ids that any pass of this Syncer is looking at, or that
	// it had the upstream's answer for less than this ago: they are neither loaded
	// nor asked for. Zero spares none.
	Spacing time.Duration
	// Lane is the place of the looks among others; default [task.LaneDue]. Those at
	// rows that are overdue are made in [task.LaneBacklog] whatever it is.
	Lane task.Lane
	// LeaveOverdue leaves rows that are overdue unasked: see [ReasonOverdue].
	LeaveOverdue bool
}

// Result is how a pass ended for one generation.
type Result struct {
	ID           string // in lower case, if it is a UUID
	Outcome      task.Outcome
	Reason       string
	NewStatus    task.Status // set when it changed
	ItemsUpdated int         // clips written
	Next         time.Time   // when to look again; zero: never
}

// Reasons of results that no decision gives.
const (
	ReasonInvalidID = "invalid_id"
	ReasonNotDue    = "not_due"
	// ReasonOverdue is for a row past its deadline that the request has left: a
	// job of the backlog follows it.
	ReasonOverdue = "overdue"
	// ReasonSpared is for an id that the Spacing of the request has spared.
	ReasonSpared = "spared"
	// ReasonUnknownProvider is for a row that names a provider that is not
	// configured. It is left pending.
	ReasonUnknownProvider = "unknown_provider"
	// ReasonClipsUpdateFailed is the specification's word for a commit that was
	// refused: the generation stays pending, and is looked at again.
	ReasonClipsUpdateFailed = "clips_update_failed"
)

// Unanswered reports whether the upstream said nothing of a generation that was
// asked for.
func (r Result) Unanswered() bool {
	return r.Outcome == task.OutcomeSkipped && r.Reason == task.ReasonNotReported
}

// Unfit reports whether the pass came to nothing: an id that is none, a row
// that is not there, a commit that was refused. A generation that its upstream
// refused is a pass like any other.
func (r Result) Unfit() bool {
	return r.Reason == ReasonInvalidID || r.Reason == task.ReasonNotFound || r.Reason == ReasonClipsUpdateFailed
}

package syncer

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"tasksync/internal/clips"
	"tasksync/internal/planner"
	"tasksync/internal/recent"
	"tasksync/internal/record"
	"tasksync/looks"
	"tasksync/queries"
	"tasksync/task"
)

// Upstream asks a provider about tasks. Fetch returns one observation for each task
// that was answered, in any order; a task without an observation was not reported,
// which is never a failure of the task. When a call failed, the error (a
// [*task.Failure] if the adapter could classify it) holds for all tasks without an
// observation, and the observations count all the same. Fetch is called concurrently.
type Upstream interface {
	Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error)
}

// Prober finds out whether a URL can be played before a row carries it. Probe is
// called concurrently and takes a few seconds at most.
type Prober interface {
	Probe(ctx context.Context, url string) task.Probe
}

// Config is what a Syncer needs.
type Config struct {
	Pool *pgxpool.Pool // required
	// Upstreams holds the upstreams by their names; "" is for rows that name none.
	Upstreams map[string]Upstream
	// DefaultProvider is the name of upstream "" in metrics; default "default".
	DefaultProvider string
	// Providers says which of the names the words in column provider mean; nil: the
	// words are the names. Rows with any other word are left pending.
	Providers task.ProviderWords
	// Words are the application's words for the statuses.
	Words  task.StatusWords
	Prober Prober      // nil: no URL is probed, and none is known to play
	Policy task.Policy // required; see task.DefaultPolicy
	// Planner plans the looks before a row's deadline; nil: the schedules of the task
	// types do.
	Planner    *planner.Planner
	Tracer     trace.Tracer          // nil: passes leave no traces
	Logger     *slog.Logger          // default: discard
	Registerer prometheus.Registerer // nil: the metrics are not registered
	// FetchTimeout bounds the calls of a pass; default 10 s. Rows without an answer by
	// then are looked at again later.
	FetchTimeout time.Duration
	// CommitTimeout bounds the database part of a pass; default 6 s.
	CommitTimeout time.Duration
	// UpdateClips says that the application makes a placeholder for each result: clips
	// are updated, and none is inserted.
	UpdateClips bool
	// MessageLength is how many characters column error_message takes; longer texts
	// are cut, because an end must not fail for its text. 0: any number.
	MessageLength int
	// Effects run in the transactions that end rows, in their order.
	Effects []Effect
	// Recorder keeps what each look told, for operators; nil: nothing is kept.
	Recorder *record.Writer
	// Committed is called after each commit of rows or events. It must not wait.
	// Default: no call.
	Committed func()
	Now       func() time.Time // default time.Now
}

func (c Config) withDefaults() Config {
	c.DefaultProvider = cmp.Or(c.DefaultProvider, "default")
	c.FetchTimeout = cmp.Or(c.FetchTimeout, 10*time.Second)
	c.CommitTimeout = cmp.Or(c.CommitTimeout, 6*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Providers == nil {
		c.Providers = task.ProviderNames(maps.Keys(c.Upstreams))
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
	warned  recent.Seldom      // about unknown task types and providers, once each
	told    recent.Seldom      // of lasting troubles, again after tellAgain
	updates statusLog
	looks   *recentLooks
	tracks  *tracks
	clips   *clips.Inserter
}

// tellAgain is the time between two logs of a trouble that lasts.
const tellAgain = 10 * time.Minute

// New makes a Syncer.
func New(cfg Config) *Syncer {
	cfg = cfg.withDefaults()
	s := &Syncer{
		cfg: cfg, queries: queries.New(), metrics: newMetrics(cfg.Registerer), sources: map[string]*source{},
		told: recent.Seldom{Again: tellAgain}, looks: newRecentLooks(), tracks: newTracks(), clips: clips.NewInserter(),
	}
	for name, o := range newOutages(cfg.Upstreams) {
		s.sources[name] = newSource(name, cfg.Upstreams[name], o)
	}
	return s
}

// PastDeadline reports whether a row with this created_at is overdue, if its memory
// does not say otherwise.
func (s *Syncer) PastDeadline(created time.Time) bool {
	return s.cfg.Policy.Overdue(s.cfg.Now(), task.Generation{CreatedAt: created})
}

// Via says what caused a pass, in the words of the event log.
type Via string

// The causes of a pass. The event of a decision by the deadline always names
// timeout.
const (
	ViaPoll    Via = "poll"
	ViaWebhook Via = "webhook"
	ViaRequest Via = "request"
	ViaTimeout Via = "timeout"
	ViaLate    Via = "late"
	ViaRetry   Via = "retry"
	ViaArchive Via = "archive"
)

// Request describes a pass to be made.
type Request struct {
	IDs []string // generation ids; an id that is not a UUID gets the result ReasonInvalidID
	Via Via      // default: poll
	// First says that no pass has looked at these rows yet, for the delay metric.
	First bool
	// NotBefore holds, by id, the time before which a row is not due. A row that is
	// not due is loaded, but not asked for. Nil: all are due.
	NotBefore map[string]time.Time
	// Tracks holds, by id, what earlier looks told; the syncer remembers its own.
	Tracks map[string]looks.Track
	// Spacing spares the rows that another pass of this Syncer is looking at, and the
	// rows that had an answer less than Spacing ago: the pass neither loads them nor
	// asks for them. Zero spares none.
	Spacing time.Duration
	// Lane is where the calls queue; default: [task.LaneFirst] for the first looks,
	// [task.LaneDue] for others. Calls at a row's deadline queue in
	// [task.LaneDeadline], and those for overdue rows always in [task.LaneBacklog].
	Lane task.Lane
	// LeaveOverdue skips overdue rows, unasked: see [ReasonOverdue].
	LeaveOverdue bool
	// LeaveTwins skips rows that a younger pending row with the same task stands for,
	// unasked: see [ReasonTwin].
	LeaveTwins bool
}

// Result is how a pass ended for one generation.
type Result struct {
	ID           string // in lower case, if the id is a UUID
	Outcome      task.Outcome
	Reason       string
	NewStatus    task.Status // set when it changed
	ItemsUpdated int         // clips written
	Next         time.Time   // when to look again; zero: never
	Track        looks.Track // what the looks at the row have told so far
}

// Reasons of results that do not come from a decision.
const (
	ReasonInvalidID = "invalid_id"
	ReasonNotDue    = "not_due"
	// ReasonOverdue: the row is overdue, and the request leaves overdue rows to a job
	// of the backlog.
	ReasonOverdue = "overdue"
	// ReasonTwin: another row has the same task; the look at that row is one at both, or
	// it has the clips already.
	ReasonTwin = "same_task"
	// ReasonSpared: the Spacing of the request spared the row.
	ReasonSpared = "spared"
	// ReasonUnknownProvider: the row names a provider that is not configured, and
	// stays pending.
	ReasonUnknownProvider = "unknown_provider"
	// ReasonClipsUpdateFailed is the specification's word for a commit that failed:
	// the generation stays pending, and is looked at again.
	ReasonClipsUpdateFailed = "clips_update_failed"
)

// Unanswered reports whether the generation was due, but the answers left its task
// out, or time was up before they came. It is false if a call failed.
func (r Result) Unanswered() bool {
	return r.Outcome == task.OutcomeSkipped && r.Reason == task.ReasonNotReported
}

// Unfit reports whether the pass could not do its work for the generation: the
// id is not a UUID, there is no such row, or the commit failed. A generation that
// its provider has failed is not unfit.
func (r Result) Unfit() bool {
	return r.Reason == ReasonInvalidID || r.Reason == task.ReasonNotFound || r.Reason == ReasonClipsUpdateFailed
}

package daemon

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"tasksync/feed"
	"tasksync/internal/database"
	"tasksync/internal/doctor"
	"tasksync/looks"
	"tasksync/task"
)

// Config is what Run needs. DatabaseURL and one of Providers are enough.
type Config struct {
	// DatabaseURL is a libpq URL or keyword string. Required.
	DatabaseURL string
	// Providers are the upstream APIs, each once. Required. A row names its provider
	// in column provider; the first provider has the rows that name none.
	Providers []Provider
	// Timeout is the deadline of a generation after its created_at; default 10 min.
	Timeout time.Duration
	// Grace is how long a generation past its deadline waits for an answer of its
	// provider, from the first look that was sent after the deadline; default 1 h.
	Grace time.Duration
	// Late is what a late result does, one that comes after its generation failed at
	// the deadline: event (default), complete or off.
	Late string
	// Clips says who makes clips: write (default), tasksync inserts those that the
	// application made no placeholder for; update, it only fills placeholders.
	Clips string
	// Settle is the application's function that is called at the end of each row, in its
	// transaction, like public.settle_generation: see package internal/settle. Default:
	// none.
	Settle string
	// Pace says how much a generation's waiting counts against calls: frugal, balanced
	// (default) or eager.
	Pace string
	// PollInterval is a fixed time between two looks at a task; default: by what was
	// learnt of how long tasks take, and Pace.
	PollInterval time.Duration
	// StatusWords are the application's words for statuses, like "completed" for
	// complete, in music_generations and music_clips: see [task.NewStatusWords]. The
	// HTTP API, events and metrics show tasksync's own words. Default: none.
	StatusWords map[task.Status]string
	// KeepAnswers is how long the looks at a row, and the last answer of its provider
	// without prompts and lyrics, are kept for `tasksync explain`; default: a day;
	// negative: they are not kept.
	KeepAnswers time.Duration
	// NoCDNProbe restores the specification's blind CDN rule.
	NoCDNProbe bool
	// Feed is how the daemon hears of new rows: auto (default), notify, wal or poll.
	Feed string
	// ListenURL is the address of a direct connection to the same database, for
	// LISTEN, session locks and replication. Needed if DatabaseURL leads to a pooler in
	// transaction mode; default: DatabaseURL.
	ListenURL string
	// FeedPollInterval is the time between two polls of feed poll; default: that of
	// package feed, 250 ms.
	FeedPollInterval time.Duration
	// SlotLimit is how many bytes of WAL the replication slot of feed wal may hold
	// back before it is dropped; default: that of package feed/wal, 1 GiB.
	SlotLimit int64
	// ListenAddr is the address of the HTTP server; default ":8080".
	ListenAddr string
	// AdminAddr is the address of /metrics, /healthz and /readyz, which are for the
	// operator; default: 127.0.0.1:9464, or any port of 127.0.0.1 if that one is taken.
	AdminAddr string
	// API configures the HTTP endpoints for users and webhooks.
	API API
	// ArchiveURL is where the files of complete rows are copied to before the provider
	// deletes them: s3://bucket/prefix?endpoint=…&region=…&public_url=… or
	// file:///path?public_url=…. Credentials are in the AWS_ variables. Default: nowhere.
	ArchiveURL string
	// ArchiveFiles are the kinds of files: audio, image, video; default: audio and image.
	ArchiveFiles []string
	// ArchiveKey is the template of names; default: {user_id}/{generation_id}/{clip_id}.{ext}.
	ArchiveKey string
	// Console configures the operator's page.
	Console Console
	// NotifyURLs are servers of the application's that are told of each end of a row, by a
	// signed POST; default: none.
	NotifyURLs []string `json:"-"`
	// NotifySecrets are the keys of the signatures: whsec_ and 24 to 64 bytes in base64.
	// Each of them signs every POST, so that one can replace another. Required with
	// NotifyURLs.
	NotifySecrets []string `json:"-"`
	// NoMigrate makes Run refuse to start on a database that lacks a migration,
	// instead of applying it.
	NoMigrate bool
	// NoRLS leaves tables that Run creates without row security, where it would enable
	// it: in a database with Supabase's roles.
	NoRLS bool
	// Handlers are the task types; default: task.DefaultHandlers, the five of the
	// specification.
	Handlers task.Handlers
	// TracerProvider makes the tracer of the passes; default: they leave no traces.
	TracerProvider trace.TracerProvider
	// Version is shown by the metric of build info; default "unknown".
	Version string
	// Logger is where the daemon logs; default: nowhere.
	Logger *slog.Logger
	// Registerer has the metrics until Run returns; default: a registry of the
	// daemon's own, which also has metrics of the process. Two daemons need two, or
	// labels that tell them apart (prometheus.WrapRegistererWith).
	Registerer prometheus.Registerer
	// Gatherer is what /metrics shows; default: Registerer. Required if Registerer is
	// not a Gatherer, too.
	Gatherer prometheus.Gatherer
	// AdminStarted is called once, when /metrics, /healthz and /readyz answer, with their
	// address. That is before the database is reached.
	AdminStarted func(addr net.Addr)
	// Started is called once, when every part runs, with the address of the HTTP server.
	Started func(addr net.Addr)

	traits doctor.Traits // of the table: read from the database
}

// Feeds returns the values of Config.Feed.
func Feeds() []string { return feed.Modes() }

// Paces returns the values of Config.Pace.
func Paces() []string {
	return []string{string(looks.Frugal), string(looks.Balanced), string(looks.Eager)}
}

// LateModes returns the values of Config.Late.
func LateModes() []string {
	return []string{string(task.LateEvent), string(task.LateComplete), string(task.LateOff)}
}

// The values of Config.Clips.
const (
	clipsWrite  = "write"
	clipsUpdate = "update"
)

// ClipsModes returns the values of Config.Clips.
func ClipsModes() []string { return []string{clipsWrite, clipsUpdate} }

// WithDefaults returns c with the defaults that daemon sets. A field whose default
// another package sets, like SlotLimit, stays zero.
func (c Config) WithDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, task.DefaultTimeout)
	c.Grace = cmp.Or(c.Grace, task.DefaultGrace)
	c.Late = cmp.Or(c.Late, string(task.LateEvent))
	c.Clips = cmp.Or(c.Clips, clipsWrite)
	c.KeepAnswers = cmp.Or(c.KeepAnswers, 24*time.Hour)
	c.Pace = cmp.Or(c.Pace, string(looks.Balanced))
	c.Feed = cmp.Or(c.Feed, feed.Auto)
	c.ListenURL = cmp.Or(c.ListenURL, c.DatabaseURL)
	c.ListenAddr = cmp.Or(c.ListenAddr, ":8080")
	c.Version = cmp.Or(c.Version, "unknown")
	if c.Handlers == nil {
		c.Handlers = task.DefaultHandlers()
	}
	if g, ok := c.Registerer.(prometheus.Gatherer); ok && c.Gatherer == nil {
		c.Gatherer = g
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// Validate returns a FieldError for the first field of a Config with defaults that
// is wrong.
func (c Config) Validate() error {
	if err := c.validateFields(); err != nil {
		return err
	}
	if err := validateProviders(c.Providers); err != nil {
		return err
	}
	if err := c.API.validate(); err != nil {
		return err
	}
	if err := errors.Join(c.validateWords(), c.Console.validate()); err != nil {
		return err
	}
	if err := c.validateArchive(); err != nil {
		return err
	}
	if err := c.validateNotify(); err != nil {
		return err
	}
	if _, err := c.settleFunction(); err != nil {
		return err
	}
	if err := database.ValidateURL(c.DatabaseURL); err != nil {
		return wrong("DatabaseURL", ": %s", err)
	}
	if err := database.ValidateURL(c.ListenURL); err != nil {
		return wrong("ListenURL", ": %s", err)
	}
	return nil
}

func (c Config) validateFields() error {
	switch {
	case c.DatabaseURL == "":
		return wrong("DatabaseURL", "is not set; give the address of the database that has music_generations, like postgres://user:password@host:5432/name")
	case !slices.Contains(Feeds(), c.Feed):
		return wrong("Feed", "%q is not one of %v", c.Feed, Feeds())
	case c.Timeout < time.Second:
		return wrong("Timeout", "%s is under a second", c.Timeout)
	case c.Grace < time.Second:
		return wrong("Grace", "%s is under a second", c.Grace)
	case !slices.Contains(LateModes(), c.Late):
		return wrong("Late", "%q is not one of %v", c.Late, LateModes())
	case !slices.Contains(ClipsModes(), c.Clips):
		return wrong("Clips", "%q is not one of %v", c.Clips, ClipsModes())
	case !slices.Contains(Paces(), c.Pace):
		return wrong("Pace", "%q is not one of %v", c.Pace, Paces())
	case c.PollInterval != 0 && c.PollInterval < 50*time.Millisecond:
		return wrong("PollInterval", "%s is under 50ms", c.PollInterval)
	case c.FeedPollInterval != 0 && c.FeedPollInterval < 10*time.Millisecond:
		return wrong("FeedPollInterval", "%s is under 10ms", c.FeedPollInterval)
	case c.SlotLimit != 0 && c.SlotLimit < 16<<20:
		return wrong("SlotLimit", "%d is under 16MiB, the size of one file of WAL", c.SlotLimit)
	case c.Registerer != nil && c.Gatherer == nil:
		return wrong("Gatherer", "is nil, and Registerer is not a Gatherer, so there are no metrics to show")
	case c.Registerer == nil && c.Gatherer != nil:
		return wrong("Registerer", "is nil, but Gatherer is not; give both, or none")
	}
	return nil
}

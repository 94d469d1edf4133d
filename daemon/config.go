package daemon

import (
	"cmp"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/feed"
	"tasksync/task"
)

// Config is what Run needs. DatabaseURL and one of Providers are enough.
type Config struct {
	// DatabaseURL is a libpq URL or keyword string. Required.
	DatabaseURL string
	// Providers are the upstream APIs, each once. Required. Rows choose theirs by
	// its name, in column provider; those that name none are of the first one.
	Providers []Provider
	// Timeout is the deadline of a generation after its created_at; default 10 min.
	Timeout time.Duration
	// Grace is how long past its deadline a generation is asked for that its provider
	// does not answer for, from the first look that was sent then; default 1 h.
	Grace time.Duration
	// Late is what a result does that comes after the deadline has failed its
	// generation: event (default), complete or off.
	Late string
	// PollInterval fixes the space between two looks at a task; default: by age
	// and task type.
	PollInterval time.Duration
	// NoCDNProbe restores the specification's blind CDN rule.
	NoCDNProbe bool
	// Feed is how new rows are heard of: auto (default), notify, wal or poll.
	Feed string
	// ListenURL is a direct connection to the same database, for LISTEN, session
	// locks and replication, where DatabaseURL leads to a pooler in transaction
	// mode. Default: DatabaseURL.
	ListenURL string
	// FeedPollInterval is the time between two looks of feed poll; default 250 ms.
	FeedPollInterval time.Duration
	// SlotLimit is how many bytes of WAL the replication slot of feed wal may hold
	// back before it is given up; default 1 GiB.
	SlotLimit int64
	// ListenAddr is where HTTP is served; default ":8080".
	ListenAddr string
	// API is the HTTP side for users and webhooks.
	API API
	// NoMigrate makes Run refuse to start on a database that lacks a migration,
	// instead of applying it.
	NoMigrate bool
	// Handlers are the task types; default: the five of the specification.
	Handlers task.Handlers
	// Version is told by the build info metric.
	Version string
	// Logger has no default that prints: nil discards.
	Logger *slog.Logger
	// Registerer is given the metrics, until Run returns; default: a registry of
	// the daemon's own, with metrics of the process beside them. Two daemons need
	// two, or labels that tell them apart (prometheus.WrapRegistererWith).
	Registerer prometheus.Registerer
	// Gatherer is what /metrics shows; default: what Registerer has. Required if
	// that is not one itself.
	Gatherer prometheus.Gatherer
	// Started is called once, when every part runs, with the address of HTTP.
	Started func(addr net.Addr)
}

// Feeds are the names that Config.Feed takes.
func Feeds() []string { return feed.Modes() }

// LateModes are the names that Config.Late takes.
func LateModes() []string {
	return []string{string(task.LateEvent), string(task.LateComplete), string(task.LateOff)}
}

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, task.DefaultTimeout)
	c.Grace = cmp.Or(c.Grace, task.DefaultGrace)
	c.Late = cmp.Or(c.Late, string(task.LateEvent))
	c.Feed = cmp.Or(c.Feed, feed.Auto)
	c.ListenURL = cmp.Or(c.ListenURL, c.DatabaseURL)
	c.FeedPollInterval = cmp.Or(c.FeedPollInterval, 250*time.Millisecond)
	c.SlotLimit = cmp.Or(c.SlotLimit, 1<<30)
	c.ListenAddr = cmp.Or(c.ListenAddr, ":8080")
	c.Version = cmp.Or(c.Version, "unknown")
	if c.Handlers == nil {
		c.Handlers = task.DefaultHandlers()
	}
	if g, ok := c.Registerer.(prometheus.Gatherer); ok && c.Gatherer == nil {
		c.Gatherer = g
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// validate returns a FieldError of the first field that is wrong.
func (c Config) validate() error {
	if err := c.validateFields(); err != nil {
		return err
	}
	if err := validateProviders(c.Providers); err != nil {
		return err
	}
	if err := c.API.validate(); err != nil {
		return err
	}
	if _, err := pgxpool.ParseConfig(c.DatabaseURL); err != nil {
		return wrong("DatabaseURL", ": %s", redactDSN(err, c.DatabaseURL))
	}
	_, err := directConfig(c.ListenURL)
	return err
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
	case c.PollInterval < 0 || (c.PollInterval > 0 && c.PollInterval < 50*time.Millisecond):
		return wrong("PollInterval", "%s is under 50ms", c.PollInterval)
	case c.FeedPollInterval < 10*time.Millisecond:
		return wrong("FeedPollInterval", "%s is under 10ms", c.FeedPollInterval)
	case c.SlotLimit < 16<<20:
		return wrong("SlotLimit", "%d is under 16MiB, the size of one file of WAL", c.SlotLimit)
	case c.Registerer != nil && c.Gatherer == nil:
		return wrong("Gatherer", "is nil, and Registerer is none itself, so that there are no metrics to show")
	case c.Registerer == nil && c.Gatherer != nil:
		return wrong("Registerer", "is nil, but Gatherer is not; give both, or none")
	}
	return nil
}

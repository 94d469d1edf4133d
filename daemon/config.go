package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/feed"
	"tasksync/syncer"
	"tasksync/task"
)

// Config is what Run needs. DatabaseURL and APIKey are enough.
type Config struct {
	// DatabaseURL is a libpq URL or keyword string. Required.
	DatabaseURL string
	// Provider names the upstream API of rows that name none: one of Providers;
	// default sunoapi.
	Provider string
	// APIURL is the upstream's base URL; default: the provider's own.
	APIURL string
	// APIKey is the upstream credential. Required, unless Upstream is set or the
	// provider is sunoproxy.
	APIKey string `json:"-"`
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
	// RateLimit is in requests per second; nil: the provider's own limit; 0: none.
	RateLimit *float64
	// NoCDNProbe restores the specification's blind CDN rule.
	NoCDNProbe bool
	// Feed is how new rows are heard of: auto (default), notify, wal or poll.
	Feed string
	// ListenURL is a direct connection to the same database, for LISTEN, session
	// locks and replication, where DATABASE_URL leads to a pooler in transaction
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
	// Upstream replaces the provider's adapter, for a provider of one's own.
	Upstream syncer.Upstream
	// Others are further providers, for rows that name them in column provider.
	Others []Provider
	// CohortSize is how many generations share one pass; default: the provider's
	// batch, or 10 where it has none.
	CohortSize int
	// Version is told by the build info metric.
	Version string
	// Logger has no default that prints: nil discards.
	Logger *slog.Logger
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
	c.Provider = cmp.Or(c.Provider, "sunoapi")
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
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// maxRate is the highest limit, in requests per second, that is one.
const maxRate = 1e6

// ErrConfig is wrapped by the errors of a Config that cannot be run.
var ErrConfig = errors.New("configuration")

func (c Config) validate() error {
	invalid := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
	}
	switch {
	case c.DatabaseURL == "":
		return invalid("DATABASE_URL is not set; give the address of the database that has music_generations, like postgres://user:password@host:5432/name")
	case !slices.Contains(Feeds(), c.Feed):
		return invalid("TASKSYNC_FEED %q is not one of %v", c.Feed, Feeds())
	case c.Timeout < time.Second:
		return invalid("TASKSYNC_TIMEOUT %s is under a second", c.Timeout)
	case c.Grace < time.Second:
		return invalid("TASKSYNC_GRACE %s is under a second", c.Grace)
	case !slices.Contains(LateModes(), c.Late):
		return invalid("TASKSYNC_LATE %q is not one of %v", c.Late, LateModes())
	case c.PollInterval < 0 || (c.PollInterval > 0 && c.PollInterval < 50*time.Millisecond):
		return invalid("TASKSYNC_POLL_INTERVAL %s is under 50ms", c.PollInterval)
	case c.FeedPollInterval < 10*time.Millisecond:
		return invalid("TASKSYNC_FEED_POLL_INTERVAL %s is under 10ms", c.FeedPollInterval)
	case c.SlotLimit < 16<<20:
		return invalid("TASKSYNC_SLOT_LIMIT %d is under 16MiB, the size of one file of WAL", c.SlotLimit)
	}
	for i, p := range c.providers() {
		prefix := "TASKSYNC_"
		if i > 0 || c.Upstream != nil {
			prefix += strings.ToUpper(p.Name) + "_"
		}
		if err := p.validate(prefix); err != nil {
			return invalid("%s", err)
		}
	}
	if err := c.API.validate(c); err != nil {
		return invalid("%s", err)
	}
	if _, err := pgxpool.ParseConfig(c.DatabaseURL); err != nil {
		return invalid("DATABASE_URL: %s", redactDSN(err, c.DatabaseURL))
	}
	_, err := directConfig(c.ListenURL)
	return err
}

// validate names the variable that is wrong by prefix.
func (p Provider) validate(prefix string) error {
	switch {
	case !slices.Contains(Providers(), p.Name):
		return fmt.Errorf("TASKSYNC_PROVIDER %q is not one of %s", p.Name, strings.Join(Providers(), ", "))
	case p.APIKey == "" && p.Name != "sunoproxy":
		return fmt.Errorf("%[1]sAPI_KEY is not set; give the key of your %[2]s account, or %[1]sAPI_KEY_FILE with a file that holds it", prefix, p.Name)
	case p.APIURL == "" && p.Name == "sunoproxy":
		return fmt.Errorf("%sAPI_URL is not set; give the address of your /suno/fetch server, without /suno", prefix)
	case p.RateLimit != nil && !(*p.RateLimit >= 0 && *p.RateLimit <= maxRate):
		return fmt.Errorf("%sRATE_LIMIT %g is not between 0 and %g", prefix, *p.RateLimit, maxRate)
	}
	return nil
}

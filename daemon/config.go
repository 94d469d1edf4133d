package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/syncer"
	"tasksync/task"
)

// Config is what Run needs. DatabaseURL and APIKey are enough.
type Config struct {
	// DatabaseURL is a libpq URL or keyword string. Required.
	DatabaseURL string
	// Provider names the upstream API: sunoapi (default) or kie.
	Provider string
	// APIURL is the upstream's base URL; default: the provider's own.
	APIURL string
	// APIKey is the upstream credential. Required, unless Upstream is set.
	APIKey string `json:"-"`
	// Timeout is the deadline of a generation after its created_at; default 10 min.
	Timeout time.Duration
	// PollInterval fixes the space between two looks at a task; default: by age
	// and task type.
	PollInterval time.Duration
	// RateLimit is in requests per second; nil: the provider's own limit; 0: none.
	RateLimit *float64
	// NoCDNProbe restores the specification's blind CDN rule.
	NoCDNProbe bool
	// Feed is how new rows are heard of: auto (default) or notify.
	Feed string
	// ListenAddr is where HTTP is served; default ":8080".
	ListenAddr string
	// NoMigrate makes Run refuse to start on a database that lacks a migration,
	// instead of applying it.
	NoMigrate bool
	// Handlers are the task types; default: the five of the specification.
	Handlers task.Handlers
	// Upstream replaces the provider's adapter, for a provider of one's own.
	Upstream syncer.Upstream
	// CohortSize is how many generations share one pass; default 10. An Upstream
	// with a batch call wants its batch size.
	CohortSize int
	// Version is told by the build info metric.
	Version string
	// Logger has no default that prints: nil discards.
	Logger *slog.Logger
	// Started is called once, when every part runs, with the address of HTTP.
	Started func(addr net.Addr)
}

// Providers are the names that Config.Provider takes.
func Providers() []string { return []string{"sunoapi", "kie"} }

// Feeds are the names that Config.Feed takes.
func Feeds() []string { return []string{"auto", "notify"} }

func (c Config) withDefaults() Config {
	c.Provider = cmp.Or(c.Provider, "sunoapi")
	c.Timeout = cmp.Or(c.Timeout, task.DefaultTimeout)
	c.Feed = cmp.Or(c.Feed, "auto")
	c.ListenAddr = cmp.Or(c.ListenAddr, ":8080")
	c.CohortSize = cmp.Or(c.CohortSize, 10)
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
	case c.Upstream == nil && c.APIKey == "":
		return invalid("TASKSYNC_API_KEY is not set; give the key of your %s account, or TASKSYNC_API_KEY_FILE with a file that holds it", c.Provider)
	case !slices.Contains(Providers(), c.Provider):
		return invalid("TASKSYNC_PROVIDER %q is not one of %v", c.Provider, Providers())
	case !slices.Contains(Feeds(), c.Feed):
		return invalid("TASKSYNC_FEED %q is not one of %v", c.Feed, Feeds())
	case c.Timeout < time.Second:
		return invalid("TASKSYNC_TIMEOUT %s is under a second", c.Timeout)
	case c.PollInterval < 0 || (c.PollInterval > 0 && c.PollInterval < 50*time.Millisecond):
		return invalid("TASKSYNC_POLL_INTERVAL %s is under 50ms", c.PollInterval)
	case c.RateLimit != nil && !(*c.RateLimit >= 0 && *c.RateLimit <= maxRate):
		return invalid("TASKSYNC_RATE_LIMIT %g is not between 0 and %g", *c.RateLimit, maxRate)
	}
	if _, err := pgxpool.ParseConfig(c.DatabaseURL); err != nil {
		return invalid("DATABASE_URL: %s", redactDSN(err, c.DatabaseURL))
	}
	return nil
}

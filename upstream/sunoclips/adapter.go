package sunoclips

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/upstream"
)

// Name is the provider's: label of metrics and log lines, and TASKSYNC_PROVIDER.
const Name = "sunoclips"

// DefaultBaseURL is that of TreeHacks 2026. The path has changed with the event
// before (HackMIT 2025: …/external/hackmit), and may again.
const DefaultBaseURL = "https://studio-api.prod.suno.com/api/v2/external/hackathons"

// What the provider's page permits, and what fits into a URL.
const (
	defaultRequests = 100 // clip fetches a minute and user
	defaultWindow   = time.Minute
	maxClips        = 20 // ids of one request: a URL of some 800 characters; the page shows 12
)

// Config says how to ask the provider.
type Config struct {
	BaseURL string // default [DefaultBaseURL]
	APIKey  string `json:"-"` // required

	// At most Requests calls in any span of Window; negative: no limit. Default
	// 100 in a minute, the provider's own.
	Requests int
	Window   time.Duration

	FanOut      int           // calls of one Fetch under way at once; default 4
	Concurrency int           // calls of the adapter under way at once; default 16
	Timeout     time.Duration // of one call; default 15 s
	MaxBody     int64         // bytes of an answer; default 4 MiB
	UserAgent   string        // default "tasksync"

	Transport  http.RoundTripper     // default: one of the adapter's own
	Registerer prometheus.Registerer // default: metrics are not exposed
	Logger     *slog.Logger          // default slog.Default()
}

// Format implements [fmt.Formatter], so that no verb prints the key.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, "sunoclips.Config") }

func (c Config) withDefaults() Config {
	c.BaseURL = cmp.Or(c.BaseURL, DefaultBaseURL)
	c.FanOut = cmp.Or(c.FanOut, 4)
	if c.Requests == 0 {
		c.Requests, c.Window = defaultRequests, cmp.Or(c.Window, defaultWindow)
	}
	c.Logger = cmp.Or(c.Logger, slog.Default())
	return c
}

func (c Config) validate() error {
	switch {
	case c.APIKey == "":
		return errors.New("APIKey: required")
	case c.FanOut < 0:
		return errors.New("FanOut: negative")
	}
	return nil
}

func (c Config) client() upstream.Config {
	return upstream.Config{
		Provider:    Name,
		BaseURL:     c.BaseURL,
		APIKey:      c.APIKey,
		UserAgent:   c.UserAgent,
		Timeout:     c.Timeout,
		MaxBody:     c.MaxBody,
		Concurrency: c.Concurrency,
		Requests:    c.Requests,
		Window:      c.Window,
		Transport:   c.Transport,
		Registerer:  c.Registerer,
		Logger:      c.Logger,
	}
}

var _ upstream.Adapter = (*Adapter)(nil)

// Adapter asks the provider with one credential. It is safe for concurrent use.
type Adapter struct {
	limits  upstream.Limits
	fanOut  int
	client  *upstream.Client
	unknown *unknownWords
}

// New returns an adapter for cfg. The error names the field that is wrong.
func New(cfg Config) (*Adapter, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("sunoclips config: %w", err)
	}
	client, err := upstream.NewClient(cfg.client())
	if err != nil {
		return nil, fmt.Errorf("sunoclips config: %w", err)
	}
	unknown, err := newUnknownWords(cfg.Registerer, cfg.Logger)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	limits := upstream.Limits{Batch: maxClips, Requests: max(0, cfg.Requests), Window: cfg.Window}
	return &Adapter{limits: limits, fanOut: cfg.FanOut, client: client, unknown: unknown}, nil
}

// Paused is [upstream.Client.Paused] of the adapter's credential.
func (a *Adapter) Paused() (reason string, until time.Time, paused bool) { return a.client.Paused() }

// Limits implements [upstream.Adapter]. The batch is one of tasks with one clip,
// which is what a submit gives; the same number of groups of two costs two
// requests. Lyrics have no batch call.
func (a *Adapter) Limits() upstream.Limits { return a.limits }

// CloseIdle closes the connections that no call uses.
func (a *Adapter) CloseIdle() { a.client.CloseIdle() }

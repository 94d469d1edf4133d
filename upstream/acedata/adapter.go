package acedata

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

// Name of the provider, as metrics, log lines and TASKSYNC_PROVIDER have it.
const Name = "acedata"

const (
	defaultBaseURL = "https://api.acedata.cloud"
	// batch is what the provider's own client recommends at most.
	batch = 50
	// The provider publishes no limit; ten requests a second are a guess at what
	// it bears.
	defaultRequests = 10
	defaultWindow   = time.Second
)

// Config says how to ask the provider.
type Config struct {
	BaseURL string // default https://api.acedata.cloud
	APIKey  string `json:"-"` // required

	// At most Requests calls in any span of Window; negative: no limit. Default
	// 10 in a second.
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
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, "acedata.Config") }

func (c Config) withDefaults() Config {
	c.BaseURL = cmp.Or(c.BaseURL, defaultBaseURL)
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
		return nil, fmt.Errorf("acedata config: %w", err)
	}
	client, err := upstream.NewClient(cfg.client())
	if err != nil {
		return nil, fmt.Errorf("acedata config: %w", err)
	}
	unknown, err := newUnknownWords(cfg.Registerer, cfg.Logger)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	limits := upstream.Limits{Batch: batch, Requests: max(0, cfg.Requests), Window: cfg.Window}
	return &Adapter{limits: limits, fanOut: cfg.FanOut, client: client, unknown: unknown}, nil
}

// Paused is [upstream.Client.Paused] of the adapter's credential.
func (a *Adapter) Paused() (reason string, until time.Time, paused bool) { return a.client.Paused() }

// Limits implements [upstream.Adapter].
func (a *Adapter) Limits() upstream.Limits { return a.limits }

// CloseIdle closes the connections that no call uses.
func (a *Adapter) CloseIdle() { a.client.CloseIdle() }

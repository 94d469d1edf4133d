package upstream

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/task"
)

// Config says how to reach one provider with one credential. [Provider.Open] fills
// in the provider's own defaults.
type Config struct {
	Provider string // label of metrics and log lines; required; an adapter sets its own
	BaseURL  string // absolute http or https URL; required, unless the adapter has a default
	APIKey   string `json:"-"` // sent as a bearer token; empty: none is sent, which most adapters refuse

	UserAgent   string        // default "tasksync"
	Timeout     time.Duration // of one call, not counting its wait for a slot; default 15 s
	MaxBody     int64         // bytes of a decompressed answer; default 4 MiB
	Concurrency int           // calls under way at once; default 16

	// At most Requests calls in any span of Window; negative: no limit. Default of
	// Requests: the provider's own limit with an adapter, none without; of Window:
	// a second.
	Requests int
	Window   time.Duration

	Transport  http.RoundTripper     // default: a transport of the client's own
	Registerer prometheus.Registerer // default: metrics are not exposed
	Logger     *slog.Logger          // default: discards
}

// Format implements [fmt.Formatter], so that no verb prints the key.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "upstream.Config(%s)", c.Provider) }

func (c Config) withDefaults() Config {
	c.UserAgent = cmp.Or(c.UserAgent, "tasksync")
	c.Timeout = cmp.Or(c.Timeout, 15*time.Second)
	c.MaxBody = cmp.Or(c.MaxBody, 4<<20)
	c.Concurrency = cmp.Or(c.Concurrency, 16)
	c.Window = cmp.Or(c.Window, time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.Transport == nil {
		c.Transport = newTransport(c.Concurrency)
	}
	return c
}

// validate names the field that is wrong, and never its value: a URL may carry
// a password, and a key is one.
func (c Config) validate() error {
	switch {
	case c.Provider == "":
		return errors.New("Provider: required")
	case !ValidKey(c.APIKey):
		return errors.New("APIKey: holds a space, a control or a non-ASCII character")
	case c.Timeout < 0:
		return errors.New("Timeout: negative")
	case c.MaxBody < 0:
		return errors.New("MaxBody: negative")
	case c.Concurrency < 0:
		return errors.New("Concurrency: negative")
	case c.Window < 0:
		return errors.New("Window: negative")
	}
	return nil
}

// ValidKey reports whether a key can be sent in a header.
func ValidKey(key string) bool { return !strings.ContainsFunc(key, notInHeader) }

func notInHeader(r rune) bool {
	return r > unicode.MaxASCII || unicode.IsSpace(r) || unicode.IsControl(r)
}

func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, errors.New("BaseURL: required")
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return nil, errors.New("BaseURL: not an absolute http or https URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("BaseURL: must have no user info, query or fragment")
	}
	return u, nil
}

// Client makes the calls of one credential. Its limits hold over all goroutines
// that use it. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	cred      *credential // behind a pointer, so that printing a Client shows no key
	userAgent string
	timeout   time.Duration
	maxBody   int64
	http      *http.Client
	gate      *gate
	pause     *pause
	breaker   *breaker
	unknown   *unknownWords
	metrics   *metrics
}

// NewClient returns a client for cfg. The error names the field that is wrong.
func NewClient(cfg Config) (*Client, error) {
	cfg.APIKey = strings.TrimSpace(cfg.APIKey) // keys are often read from files
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	base, err := parseBase(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	metrics, err := newMetrics(cfg.Registerer, cfg.Provider)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return &Client{
		base:      base,
		cred:      newCredential(cfg.APIKey),
		userAgent: cfg.UserAgent,
		timeout:   cfg.Timeout,
		maxBody:   cfg.MaxBody,
		http:      &http.Client{Transport: cfg.Transport, CheckRedirect: sameHost},
		gate:      newGate(cfg.Requests, cfg.Window, cfg.Concurrency),
		pause:     newPause(cfg.Provider, cfg.Logger, metrics.paused),
		breaker:   newBreaker(cfg.Provider, cfg.Logger, metrics.breaker),
		unknown:   newUnknownWords(cfg.Provider, cfg.Logger, metrics.unknown),
		metrics:   metrics,
	}, nil
}

// Answer is a JSON answer of the provider, whatever its HTTP status.
type Answer struct {
	Status     int           // HTTP status
	Body       []byte        // valid JSON
	RetryAfter time.Duration // from the header Retry-After; 0: none

	value Value // of Body
}

// Value is the body; absent if it is not JSON.
func (a Answer) Value() Value {
	if a.value.in == nil {
		a.value, _ = Parse(a.Body)
	}
	return a.value
}

// Reader reads an answer. It returns the provider's own code (0: the HTTP status
// says it all), and a failure if the answer is not what was asked for. A panic in a
// Reader counts as a body that could not be read.
//
// When the Reader returns no failure, or [ReasonBadBody], the HTTP status decides:
// 401, 402 and 403 are [task.Account]; 404, 405 and 501 [ReasonNoCall]; 429, other
// 5xx and the rest [task.Transient] too. 401, 402 and 403 are [task.Account]
// whatever the Reader says, unless its failure is [task.Permanent].
//
// A [task.Account] failure pauses the credential; one with [ReasonRateLimited]
// closes the window. So a Reader takes either only from the provider's code for the
// call, never from a text alone: the text may be about one task.
type Reader func(Answer) (code int, failure *task.Failure)

// Get asks for path with query. It returns nil, a *task.Failure, or, when ctx
// ended first, an error that wraps ctx.Err(). path must be escaped.
//
// The lane of ctx ([task.InLane]) decides which calls go out first. A call that
// would probably have no answer before the deadline of ctx is not made
// ([ReasonTurnedAway]). A call under way at the deadline may take 3 s more; it ends
// at once only when ctx is cancelled.
func (c *Client) Get(ctx context.Context, path string, query url.Values, read Reader) error {
	return c.do(ctx, call{method: http.MethodGet, target: c.url(path, query), read: read})
}

// Post sends payload as JSON to path; for the rest see [Client.Get].
func (c *Client) Post(ctx context.Context, path string, payload any, read Reader) error {
	body, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("encode the request to %s: %w", path, err)
	}
	return c.do(ctx, call{method: http.MethodPost, target: c.url(path, nil), body: body, read: read})
}

// Paused tells whether an account verdict stands: paused is true from the first
// such verdict to the first call that succeeds. Calls before until are not made;
// the first call after it goes out and decides.
func (c *Client) Paused() (reason string, until time.Time, paused bool) {
	return c.pause.state()
}

// Credential names what the limit of the client belongs to, the address with its
// key, without showing the key. Clients of one credential have one limit.
func (c *Client) Credential() string {
	sum := sha256.Sum256([]byte(c.base.String() + "\x00" + c.cred.key))
	return hex.EncodeToString(sum[:16])
}

// Demand is how many calls would be made in a window if the limit were no matter.
func (c *Client) Demand() int { return c.gate.demand() }

// Used is how many calls this client has sent in the last window of its limit.
func (c *Client) Used() int { return c.gate.used() }

// Share is how many calls may be made in a window now: the share of the limit, or all
// of it. 0 is none, or that there is no limit.
func (c *Client) Share() int { return c.gate.share() }

// ShareOut gives the client a share of its limit, in calls per window, until a time
// after which it is 0. A client that was never given a share has the whole limit.
func (c *Client) ShareOut(share int, until time.Time) { c.gate.shareOut(share, until) }

// ClosedUntil is until when the provider has told this client to make no calls.
func (c *Client) ClosedUntil() time.Time {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	return c.gate.told
}

// CloseUntil lets no call go before until, because the provider has told so to
// another client of the credential.
func (c *Client) CloseUntil(until time.Time) { c.gate.close(until) }

// Redact makes a text from outside fit to be stored and logged: it cuts out the
// key, then all that [task.Redact] knows.
func (c *Client) Redact(text string) string { return task.Redact(c.cred.scrub(text)) }

// RedactFailures redacts the texts of an observation's failures.
func (c *Client) RedactFailures(obs *task.Observation) {
	failures := []*task.Failure{obs.Failure}
	for _, it := range obs.Items {
		failures = append(failures, it.Failure)
	}
	for _, f := range failures {
		if f != nil {
			f.Message = c.Redact(f.Message)
		}
	}
}

// CloseIdle closes the idle connections. The client stays usable.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

func (c *Client) url(path string, query url.Values) string {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	return u.String()
}

func (c *Client) newRequest(ctx context.Context, k call) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, k.method, k.target, bytes.NewReader(k.body))
	if err != nil {
		return nil, errors.New("build the request: the URL is malformed")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	if k.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cred.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.cred.key)
	}
	return req, nil
}

func newTransport(concurrency int) http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = concurrency
	t.MaxResponseHeaderBytes = 64 << 10
	return t
}

// sameHost follows at most three redirects, and none to another host or scheme,
// where the key must not go. A redirect that is not followed becomes the answer,
// and so a failure that says so.
func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > 3 || req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

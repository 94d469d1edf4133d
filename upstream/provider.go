package upstream

import (
	"cmp"
	"errors"
	"net/http"
	"time"
)

// Provider is an upstream API as a value: all that a program needs to know about it
// before anything is configured, and how its adapter is made. Each adapter package
// has a function that returns one; a program may make its own. To change the address
// or the rate, a program sets them in the [Config] that it gives to New, and leaves
// the fields here alone.
type Provider struct {
	// Name is the label of metrics and log lines, part of the path of webhooks, and
	// the value of column provider.
	Name string
	// Aliases are other words that applications have for it in column provider; case
	// does not count. An alias of several providers that are configured means none.
	Aliases []string
	BaseURL string // default of [Config.BaseURL]; empty: the Config must set it
	Keyless bool   // calls without a key are possible
	// Paths are the paths that the calls add to the base URL themselves. One that a
	// configured base URL ends in is cut off, since users paste it by habit.
	Paths  []string
	Limits Limits // Requests and Window are defaults, the others are fixed
	// Retention is how long the provider keeps files; 0: it does not say.
	Retention time.Duration
	// New makes an adapter, which asks this provider with one credential. The error
	// names the wrong field of the Config.
	New func(Config) (Adapter, error)
	// VerifyCallback checks, with the account's secret, that the provider sent a
	// callback about the task taskID, not long before or after now. It is called
	// concurrently, and its error shows neither secret nor signature. Nil: the
	// provider does not sign callbacks.
	VerifyCallback func(secret string, header http.Header, taskID string, now time.Time) error
}

// Open returns a client of p by cfg, whatever Provider cfg names, and the limits of
// its calls, for p.New to make its adapter from. The error names the wrong field of
// cfg.
func (p Provider) Open(cfg Config) (*Client, Limits, error) {
	if cfg.APIKey == "" && !p.Keyless {
		return nil, Limits{}, errors.New("APIKey: required")
	}
	cfg.Provider = p.Name
	cfg.BaseURL = cutPath(cmp.Or(cfg.BaseURL, p.BaseURL), p.Paths)
	if cfg.Requests == 0 {
		cfg.Requests, cfg.Window = p.Limits.Requests, cmp.Or(cfg.Window, p.Limits.Window)
	}
	limits := p.Limits
	limits.Requests, limits.Window = max(0, cfg.Requests), cfg.Window
	client, err := NewClient(cfg)
	return client, limits, err
}

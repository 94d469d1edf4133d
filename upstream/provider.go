package upstream

import (
	"cmp"
	"errors"
	"net/http"
	"time"
)

// Provider is an upstream API as a value: all that a program needs to know of it
// before anything is configured, and how its adapter is made. Each package of an
// adapter has a function that returns one; a program may make its own. What a
// program wants to be different (the address, the rate) it says in the [Config]
// that it gives to New, not by changing the fields here.
type Provider struct {
	// Name is the label of metrics and log lines, a part of the path of webhooks,
	// and what rows say in column provider.
	Name    string
	BaseURL string // default of [Config.BaseURL]; empty: that is required
	Keyless bool   // the provider may be asked without a key
	// Paths are what the calls add to the base URL themselves, and what a base URL
	// must not end in therefore; it is cut off, since people paste it by habit.
	Paths  []string
	Limits Limits // those of requests are defaults, the others hold
	// New makes an adapter, which asks this provider with one credential. The error
	// names the field of the Config that is wrong.
	New func(Config) (Adapter, error)
	// VerifyCallback checks, by a secret that the account has, that the provider has
	// sent a callback about the task taskID, not long before or after now. It is
	// called concurrently, and its error shows neither secret nor signature. Nil:
	// the provider signs no callbacks.
	VerifyCallback func(secret string, header http.Header, taskID string, now time.Time) error
}

// Open returns a client of p as cfg wants it, whatever Provider cfg names, and
// the limits that hold for its calls: what p.New makes its adapter of. The error
// names the field of cfg that is wrong.
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

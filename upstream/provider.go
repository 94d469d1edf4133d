package upstream

import (
	"cmp"
	"errors"
)

// Provider is what an adapter knows of its provider before anything is
// configured.
type Provider struct {
	Name    string // label of metrics and log lines
	BaseURL string // default of [Config.BaseURL]; empty: that is required
	Keyless bool   // it may be asked without a key
	// Paths are what the calls add to the base URL themselves, and what a base URL
	// must not end in therefore; it is cut off, since people paste it by habit.
	Paths  []string
	Limits Limits // those of requests are defaults, the others hold
}

// Open returns a client of p as cfg wants it, whatever Provider cfg names, and
// the limits that hold for its calls. The error names the field of cfg that is
// wrong.
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

package sunoproxy

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"tasksync/upstream"
)

const name = "sunoproxy"

const (
	batch  = 100 // tasks of one call; no server names a limit
	fanOut = 8   // calls of one Fetch under way at once
)

// Adapter asks one server with one credential. It is safe for concurrent use.
type Adapter struct {
	*upstream.Client
	limits   upstream.Limits
	fanOut   int
	batches  batchSupport
	suspects upstream.Suspects
}

// Provider is a server with the calls of /suno/fetch. It has no default address:
// [upstream.Config] must give one.
func Provider() upstream.Provider {
	return upstream.Provider{
		Name: name, Aliases: []string{"suno", "suno-proxy", "suno_proxy", "suno-api", "suno_api", "suno api", "new-api", "newapi"},
		Keyless: true, // some self-hosted servers want no key
		Paths:   []string{"/suno", "/suno/fetch", "/suno/submit", "/suno/submit/fetch"},
		// No server names a rate; ten calls a second are a guess.
		Limits: upstream.Limits{Batch: batch, Requests: 10, Window: time.Second},
		New:    func(cfg upstream.Config) (upstream.Adapter, error) { return open(cfg) },
	}
}

// open returns an adapter by cfg. The error names the wrong field.
func open(cfg upstream.Config) (*Adapter, error) {
	client, limits, err := Provider().Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("sunoproxy config: %w", err)
	}
	return &Adapter{limits: limits, fanOut: fanOut, Client: client, batches: batchSupport{logger: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))}}, nil
}

// Limits implements [upstream.Adapter]. A server without a batch call is asked for
// one task a call, within the same rate.
func (a *Adapter) Limits() upstream.Limits { return a.limits }

package acedata

import (
	"fmt"
	"time"

	"tasksync/upstream"
)

const name = "acedata"

const (
	defaultBaseURL = "https://api.acedata.cloud"
	// batch is the most that the provider's own client recommends.
	batch = 50
	// The provider publishes no limit; ten calls a second are a guess.
	defaultRequests = 10
	defaultWindow   = time.Second
	fanOut          = 4 // calls of one Fetch under way at once
)

var _ upstream.Adapter = (*Adapter)(nil)

// Adapter asks the provider with one credential. It is safe for concurrent use.
type Adapter struct {
	*upstream.Client
	limits   upstream.Limits
	fanOut   int
	suspects upstream.Suspects
}

// Provider is AceData.
func Provider() upstream.Provider {
	return upstream.Provider{
		Name: name, BaseURL: defaultBaseURL, Paths: []string{"/suno", "/suno/tasks", "/suno/audios"},
		Limits: upstream.Limits{Batch: batch, Requests: defaultRequests, Window: defaultWindow},
		New:    func(cfg upstream.Config) (upstream.Adapter, error) { return open(cfg) },
	}
}

// open returns an adapter by cfg. The error names the wrong field.
func open(cfg upstream.Config) (*Adapter, error) {
	client, limits, err := Provider().Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("acedata config: %w", err)
	}
	return &Adapter{limits: limits, fanOut: fanOut, Client: client}, nil
}

// Limits implements [upstream.Adapter].
func (a *Adapter) Limits() upstream.Limits { return a.limits }

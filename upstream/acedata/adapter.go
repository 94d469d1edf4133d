package acedata

import (
	"fmt"
	"time"

	"tasksync/upstream"
)

const name = "acedata"

const (
	batch  = 50 // the most that the provider's own client recommends
	fanOut = 4  // calls of one Fetch under way at once
)

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
		Name: name, Aliases: []string{"suno", "acedata.cloud", "api.acedata.cloud", "acedatacloud", "acedata-cloud", "ace data", "ace-data", "ace_data", "ace data cloud"},
		BaseURL: "https://api.acedata.cloud", Paths: []string{"/suno", "/suno/tasks", "/suno/audios"},
		// The provider publishes no limit; ten calls a second are a guess.
		Limits: upstream.Limits{Batch: batch, Requests: 10, Window: time.Second},
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

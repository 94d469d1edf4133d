package sunoapi

import (
	"fmt"

	"tasksync/upstream"
)

// fanOut is how many calls of one Fetch are under way at once.
const fanOut = 8

// Adapter asks one provider with one credential. It is safe for concurrent use.
type Adapter struct {
	*upstream.Client
	profile profile
	limits  upstream.Limits
	fanOut  int
	memory  memory
}

// open returns an adapter of the profile by cfg. The error names the wrong field.
func open(p profile, cfg upstream.Config) (*Adapter, error) {
	client, limits, err := p.Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("sunoapi config: %w", err)
	}
	return &Adapter{profile: p, limits: limits, fanOut: fanOut, Client: client}, nil
}

// paths are the paths on the provider's pages; users paste base URLs with them.
func paths() []string {
	return []string{
		"/api/v1", "/api/v1/generate", "/api/v1/generate/record-info", "/api/v1/lyrics", "/api/v1/lyrics/record-info",
		"/api/v1/jobs", "/api/v1/jobs/createTask", "/api/v1/jobs/recordInfo",
	}
}

// Limits implements [upstream.Adapter].
func (a *Adapter) Limits() upstream.Limits { return a.limits }

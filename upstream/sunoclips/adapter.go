package sunoclips

import (
	"fmt"
	"time"

	"tasksync/upstream"
)

const name = "sunoclips"

// defaultBaseURL is the URL for TreeHacks 2026. The path differed for the event before
// (HackMIT 2025: …/external/hackmit), and may change again.
const defaultBaseURL = "https://studio-api.prod.suno.com/api/v2/external/hackathons"

const (
	maxClips = 24 // ids of one call: a URL of some 950 characters; the page shows 12, and names no maximum
	fanOut   = 4  // calls of one Fetch under way at once
)

// Adapter asks the provider with one credential. It is safe for concurrent use.
type Adapter struct {
	*upstream.Client
	limits   upstream.Limits
	fanOut   int
	suspects upstream.Suspects
}

// Provider is Suno's token-based API.
func Provider() upstream.Provider {
	return upstream.Provider{
		Name: name, BaseURL: defaultBaseURL, Paths: []string{"/clips", "/lyrics"},
		Aliases: []string{"suno", "suno.com", "suno-clips", "suno_clips", "suno clips"},
		// The provider's page names 100 clip fetches a minute and user.
		Limits: upstream.Limits{Batch: maxClips, Requests: 100, Window: time.Minute},
		New:    func(cfg upstream.Config) (upstream.Adapter, error) { return open(cfg) },
	}
}

// open returns an adapter by cfg. The error names the wrong field.
func open(cfg upstream.Config) (*Adapter, error) {
	client, limits, err := Provider().Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("sunoclips config: %w", err)
	}
	return &Adapter{limits: limits, fanOut: fanOut, Client: client}, nil
}

// Limits implements [upstream.Adapter]. Batch counts tasks with one clip, which is
// what a submit makes; as many groups of two clips cost two calls. Lyrics have no
// batch call.
func (a *Adapter) Limits() upstream.Limits { return a.limits }

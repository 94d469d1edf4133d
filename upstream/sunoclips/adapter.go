package sunoclips

import (
	"fmt"
	"time"

	"tasksync/upstream"
)

const name = "sunoclips"

// defaultBaseURL is that of TreeHacks 2026. The path has changed with the event
// before (HackMIT 2025: …/external/hackmit), and may again.
const defaultBaseURL = "https://studio-api.prod.suno.com/api/v2/external/hackathons"

// What the provider's page permits, and what fits into a URL.
const (
	defaultRequests = 100 // clip fetches a minute and user
	defaultWindow   = time.Minute
	maxClips        = 24 // ids of one request: a URL of some 950 characters; the page shows 12, and no maximum
	fanOut          = 4  // calls of one Fetch under way at once
)

var _ upstream.Adapter = (*Adapter)(nil)

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
		Limits: upstream.Limits{Batch: maxClips, Requests: defaultRequests, Window: defaultWindow},
		New:    func(cfg upstream.Config) (upstream.Adapter, error) { return open(cfg) },
	}
}

// open returns an adapter for cfg. The error names the field that is wrong.
func open(cfg upstream.Config) (*Adapter, error) {
	client, limits, err := Provider().Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("sunoclips config: %w", err)
	}
	return &Adapter{limits: limits, fanOut: fanOut, Client: client}, nil
}

// Limits implements [upstream.Adapter]. The batch is one of tasks with one clip,
// which is what a submit gives; the same number of groups of two costs two
// requests. Lyrics have no batch call.
func (a *Adapter) Limits() upstream.Limits { return a.limits }

package simulator

import (
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"tasksync/task"
)

// Config is how a simulator behaves. The zero value accepts every key, and has a random
// seed and neither faults nor limits.
type Config struct {
	// Provider whose tasks these are: it decides what a life can have, and so
	// what [Record.Expected] says. Default "sunoapi"; see [Providers]. The other
	// formats are served as well, but kie has the paths of sunoapi.
	Provider string
	// Dialect of the provider's format. Default "": the dialect of most servers; see
	// [Dialects].
	Dialect string
	// Format is a wire format to serve in place of those that the simulator has.
	// Default: none; Provider and Dialect count.
	Format *Format
	// Clips is how many results a task has, for types beyond the five of the
	// specification, whose results are audio. Default: 2.
	Clips map[task.Type]int
	// Seed of all that is drawn: the same seed and the same order of submits give
	// the same tasks. Default 0: random; see [Simulator.Seed].
	Seed uint64
	// Speed is how many times faster than life the life cycles run. Default 1;
	// math.Inf(1): everything is over when it is submitted.
	Speed float64
	// Lengths of tasks, before Speed: the ages of a life are stretched so that it ends
	// then. Default: as the providers' own were measured.
	Lengths Lengths
	// APIKey that requests must have as their bearer token. Default "": any.
	APIKey string
	// RateLimit is the number of requests that each key may make in a fixed window
	// of RateWindow. Default 0: no limit.
	RateLimit int
	// RateWindow is the window of RateLimit. Default 10 s.
	RateWindow time.Duration
	// Mix that unscripted fates are drawn from. Default [DefaultMix].
	Mix Mix
	// FaultRate is the share of status requests that are answered with a drawn
	// fault. Default 0.
	FaultRate float64
	// FaultMix that drawn faults are drawn from. Default [DefaultFaultMix].
	FaultMix FaultMix
	// SlowDelay of the fault [Slow]. Default 2 s.
	SlowDelay time.Duration
	// RetryAfter that [HTTP429] asks for, in whole seconds. Default 1 s.
	RetryAfter time.Duration
	// MediaURL is the address by which clients reach this simulator, like
	// "http://localhost:9090"; then the URLs of audio and covers in answers can be fetched.
	// Default "": the hosts of the provider.
	MediaURL string
	// AudioSize is how many bytes each song has at least. Default: a second of silence.
	AudioSize int
	// Now is the clock of the life cycles and of the rate limit. Default
	// time.Now.
	Now func() time.Time
	// Logger logs every API request at debug level. Default nil: nothing is logged.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Format != nil {
		c.Provider, c.Dialect = ownName, ""
	}
	c.Provider = cmp.Or(c.Provider, "sunoapi")
	for c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	if !(c.Speed > 0) {
		c.Speed = 1
	}
	if c.Mix == nil {
		c.Mix = DefaultMix()
	}
	if c.FaultMix == nil {
		c.FaultMix = DefaultFaultMix()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.RateWindow = cmp.Or(max(c.RateWindow, 0), 10*time.Second)
	c.SlowDelay = cmp.Or(max(c.SlowDelay, 0), 2*time.Second)
	c.RetryAfter = cmp.Or(max(c.RetryAfter, 0), time.Second)
	return c
}

func (c Config) media() media {
	switch {
	case c.MediaURL != "":
	case c.Provider == "sunoapi" || c.Provider == "kie":
		return media{audio: "https://tempfile.aiquickdraw.com/r/", stream: "https://musicfile.kie.ai/"}
	default: // the others have Suno's own URLs
		return media{audio: "https://cdn1.suno.ai/", stream: "https://audiopipe.suno.ai/?item_id="}
	}
	base := c.mediaBase()
	return media{audio: base + "audio/", stream: base + "audio/", image: base + "cover/", video: base + "video/"}
}

// mediaBase is the base of the addresses of this simulator's files.
func (c Config) mediaBase() string { return strings.TrimSuffix(c.MediaURL, "/") + "/simulator/" }

// speedText returns the speed for pages; JSON has no infinity.
func (s *Simulator) speedText() string {
	if math.IsInf(s.cfg.Speed, 1) {
		return "instant"
	}
	return fmt.Sprintf("%gx", s.cfg.Speed)
}

package daemon

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/syncer"
	"tasksync/upstream/sunoapi"
)

// openUpstream makes the adapter of the configured provider, and what readiness
// asks of it.
func openUpstream(cfg Config, reg prometheus.Registerer) (up syncer.Upstream, paused func() string, err error) {
	if cfg.Upstream != nil {
		return cfg.Upstream, func() string { return "" }, nil
	}
	profile, _ := sunoapi.Profiles(cfg.Provider) // validate knows the names
	requests, window := window(cfg.RateLimit)
	adapter, err := sunoapi.New(sunoapi.Config{
		Profile: profile, BaseURL: cfg.APIURL, APIKey: cfg.APIKey,
		Requests: requests, Window: window, UserAgent: "tasksync/" + cfg.Version,
		Registerer: reg, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return adapter, func() string { return pausedReason(adapter.Paused()) }, nil
}

// window is a limit in requests per second as the adapter has it: so many
// requests in any 10 s, or one in a longer time. Nil is the provider's own limit
// (0 requests), 0 none at all (a negative number).
func window(perSecond *float64) (requests int, span time.Duration) {
	const ten = 10 * time.Second
	switch {
	case perSecond == nil:
		return 0, 0
	case *perSecond == 0:
		return -1, 0
	case *perSecond < 0.1:
		return 1, time.Duration(float64(time.Second) / *perSecond)
	default:
		return int(*perSecond * ten.Seconds()), ten
	}
}

func pausedReason(reason string, until time.Time, paused bool) string {
	if !paused {
		return ""
	}
	return fmt.Sprintf("upstream account refused (%s); no calls until %s", reason, until.Format(time.RFC3339))
}

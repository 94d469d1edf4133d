package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/planner"
	"tasksync/syncer"
	"tasksync/upstream"
)

// unbatched is how many generations share a pass when each costs a call of its own;
// batched is the most that share a pass when a call is for many.
const (
	unbatched = 10
	batched   = 100
)

// upstreams are the adapters of the configured providers, as syncer and jobs take
// them.
type upstreams struct {
	adapters map[string]syncer.Upstream // by name of the provider; "" is for rows that name none
	cohorts  map[string]int             // likewise: generations in a pass
	sources  map[string]planner.Source  // likewise: what plans must know
	all      map[string]upstream.Adapter
	paused   map[string]func() string // by name: why calls pause, or ""
	spacing  time.Duration            // between looks at a row that users and webhooks cause
}

// leastSpacing is the spacing when all providers permit shorter ones.
const leastSpacing = 2 * time.Second

// openUpstreams makes the adapters of the configured providers.
func openUpstreams(cfg Config, reg prometheus.Registerer) (*upstreams, error) {
	u := &upstreams{spacing: leastSpacing, adapters: map[string]syncer.Upstream{}, cohorts: map[string]int{}, sources: map[string]planner.Source{}, all: map[string]upstream.Adapter{}, paused: map[string]func() string{}}
	for i, p := range cfg.Providers {
		adapter, err := p.open(cfg, reg)
		if err != nil {
			return nil, err
		}
		if least := adapter.Limits().MinInterval; cfg.PollInterval > 0 && cfg.PollInterval < least {
			return nil, wrong("PollInterval", "%s is under the %s that %s permits", cfg.PollInterval, least, p.Name)
		}
		u.add(p.Name, adapter)
		if i == 0 {
			u.adapters[""], u.cohorts[""], u.sources[""] = u.adapters[p.Name], u.cohorts[p.Name], u.sources[p.Name]
		}
	}
	return u, nil
}

func (u *upstreams) add(name string, a upstream.Adapter) {
	u.all[name], u.adapters[name], u.sources[name], u.cohorts[name] = a, a, sourceOf(name, a), unbatched
	if batch := a.Limits().Batch; batch > 1 {
		u.cohorts[name] = min(batch, batched)
	}
	u.spacing = max(u.spacing, a.Limits().MinInterval)
	u.paused[name] = func() string { return pausedReason(a.Paused()) }
}

// refused returns an error that wraps ErrAccount and names the providers whose calls
// pause; nil if there are none.
func (u *upstreams) refused() error {
	var err error
	for _, name := range slices.Sorted(maps.Keys(u.paused)) {
		if reason := u.paused[name](); reason != "" {
			err = errors.Join(err, fmt.Errorf("%w: %s: %s; check its key and credits", ErrAccount, name, reason))
		}
	}
	return err
}

func pausedReason(reason string, until time.Time, paused bool) string {
	if !paused {
		return ""
	}
	return fmt.Sprintf("the provider refuses the account (%s); no calls until %s", reason, until.Format(time.RFC3339))
}

// troubleReason tells which providers' answers about tasks are not believed, and why.
func troubleReason(trouble map[string]string) string {
	var reasons []string
	for _, name := range slices.Sorted(maps.Keys(trouble)) {
		reasons = append(reasons, fmt.Sprintf("provider %s: %s; check its address and key (TASKSYNC_API_URL, TASKSYNC_API_KEY; with TASKSYNC_PROVIDERS, its own)", cmp.Or(name, "default"), trouble[name]))
	}
	return strings.Join(reasons, "; ")
}

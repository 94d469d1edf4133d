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

	"tasksync/syncer"
	"tasksync/upstream"
	"tasksync/upstream/acedata"
	"tasksync/upstream/sunoapi"
	"tasksync/upstream/sunoclips"
	"tasksync/upstream/sunoproxy"
)

// Provider is one upstream API and the credential for it.
type Provider struct {
	// Name is one of Providers. Rows choose the provider by it, in column
	// provider.
	Name string
	// APIURL is the base URL; default: the provider's own. sunoproxy has none.
	APIURL string
	// APIKey is the credential. Required, but for sunoproxy.
	APIKey string `json:"-"`
	// RateLimit is in requests per second; nil: the provider's own limit; 0: none.
	RateLimit *float64
}

// Providers are the names of the upstream APIs.
func Providers() []string { return []string{"sunoapi", "kie", "sunoproxy", "acedata", "sunoclips"} }

// providers are all that adapters are made for, the default one first.
func (c Config) providers() []Provider {
	if c.Upstream != nil {
		return c.Others
	}
	return append([]Provider{{Name: c.Provider, APIURL: c.APIURL, APIKey: c.APIKey, RateLimit: c.RateLimit}}, c.Others...)
}

// unbatched is how many generations share a pass when each costs a request of
// its own; batched is the most that share one when they do not.
const (
	unbatched = 10
	batched   = 100
)

// upstreams are the adapters of all configured providers, as syncer and jobs
// want them.
type upstreams struct {
	first   syncer.Upstream            // for rows that name no provider
	cohort  int                        // its cohorts
	others  map[string]syncer.Upstream // for those that do, by name
	cohorts map[string]int
	paused  map[string]func() string // why calls pause, by name
	spacing time.Duration            // between looks at one row that users and webhooks cause
}

// leastSpacing spaces them where the providers permit more.
const leastSpacing = 2 * time.Second

// openUpstreams makes the adapters of the configured providers.
func openUpstreams(cfg Config, reg prometheus.Registerer) (*upstreams, error) {
	u := &upstreams{spacing: leastSpacing, others: map[string]syncer.Upstream{}, cohorts: map[string]int{}, paused: map[string]func() string{}}
	if cfg.Upstream != nil {
		u.first, u.cohort = cfg.Upstream, cmp.Or(cfg.CohortSize, unbatched)
	}
	for _, p := range cfg.providers() {
		adapter, err := openAdapter(p, cfg, reg)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrConfig, p.Name, err)
		}
		if least := adapter.Limits().MinInterval; cfg.PollInterval > 0 && cfg.PollInterval < least {
			return nil, fmt.Errorf("%w: TASKSYNC_POLL_INTERVAL %s is under the %s that %s permits", ErrConfig, cfg.PollInterval, least, p.Name)
		}
		u.add(p.Name, adapter, cfg.CohortSize)
	}
	return u, nil
}

func (u *upstreams) add(name string, a upstream.Adapter, cohort int) {
	if a.Limits().Batch > 1 {
		cohort = cmp.Or(cohort, min(a.Limits().Batch, batched))
	}
	cohort = cmp.Or(cohort, unbatched)
	if u.first == nil {
		u.first, u.cohort = a, cohort
	}
	u.others[name], u.cohorts[name] = a, cohort
	u.spacing = max(u.spacing, a.Limits().MinInterval)
	u.paused[name] = func() string { return pausedReason(a.Paused()) }
}

// refused is an ErrAccount that names the providers whose calls pause, if any do.
func (u *upstreams) refused() error {
	var err error
	for _, name := range slices.Sorted(maps.Keys(u.paused)) {
		if reason := u.paused[name](); reason != "" {
			err = errors.Join(err, fmt.Errorf("%w: %s: %s; check its key and credits", ErrAccount, name, reason))
		}
	}
	return err
}

// callTimeout bounds one upstream call. It is shorter than a pass may take (10 s),
// so that an upstream that hangs is a time-out, which the breaker counts.
const callTimeout = 8 * time.Second

// openAdapter makes the adapter of one provider. Config.validate knows the names.
func openAdapter(p Provider, cfg Config, reg prometheus.Registerer) (upstream.Adapter, error) {
	requests, span := window(p.RateLimit)
	c := upstream.Config{
		BaseURL: p.APIURL, APIKey: p.APIKey, Requests: requests, Window: span,
		Timeout:   callTimeout,
		UserAgent: "tasksync/" + cfg.Version, Registerer: reg, Logger: cfg.Logger,
	}
	switch p.Name {
	case sunoproxy.Name:
		return sunoproxy.New(c)
	case acedata.Name:
		return acedata.New(c)
	case sunoclips.Name:
		return sunoclips.New(c)
	default:
		profile, _ := sunoapi.Profiles(p.Name)
		return sunoapi.New(profile, c)
	}
}

// window is a limit in requests per second as the adapters have it: so many
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

// troubleReason tells which providers' word on tasks is not believed, and why.
func troubleReason(trouble map[string]string) string {
	var reasons []string
	for _, name := range slices.Sorted(maps.Keys(trouble)) {
		reasons = append(reasons, fmt.Sprintf("provider %s: %s; check its address and key (TASKSYNC_API_URL, TASKSYNC_API_KEY; with TASKSYNC_PROVIDERS, its own)", cmp.Or(name, "default"), trouble[name]))
	}
	return strings.Join(reasons, "; ")
}

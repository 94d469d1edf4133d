package daemon

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tasksync/internal/budget"
	"tasksync/internal/planner"
	"tasksync/internal/view"
	"tasksync/looks"
	"tasksync/upstream"
)

// shared is an adapter whose limit other daemons may share. Adapters that embed an
// [upstream.Client] are.
type shared interface {
	Credential() string
	Share() int
	budget.Gate
}

// sourceOf is what plans must know of a provider.
func sourceOf(name string, a upstream.Adapter) planner.Source {
	limits := a.Limits()
	s := planner.Source{Name: name, Least: limits.MinInterval, Batch: limits.Batch}
	if limits.Requests <= 0 {
		return s
	}
	window := cmp.Or(limits.Window, time.Second).Seconds()
	s.Budget = func() float64 { return float64(limits.Requests) / window }
	if client, ok := a.(shared); ok {
		smooth := budget.NewSmooth(limits.Requests)
		s.Budget = func() float64 { return smooth.Next(client.Share(), time.Now()) / window }
		s.Used = func() float64 { return float64(client.Used()) / float64(limits.Requests) }
	}
	return s
}

// demanding is a gate with the demand of the planner beside its own: a price keeps
// looks back that the gate never hears of.
type demanding struct {
	shared
	planned func() float64 // calls per second
	window  time.Duration
}

// Demand implements [budget.Gate].
func (d demanding) Demand() int {
	return max(d.shared.Demand(), int(math.Ceil(d.planned()*d.window.Seconds())))
}

// openLooks makes the planner, and holders of the shares of the limits.
func (d *daemon) openLooks() {
	d.providers = d.cfg.providerWords()
	d.planner = planner.New(planner.Config{
		DB: d.pool, Handlers: d.cfg.Handlers, Deadline: d.cfg.Timeout, Pace: looks.Pace(d.cfg.Pace),
		Sources: d.upstreams.sources, Now: d.now, Logger: d.cfg.Logger,
	})
	for _, name := range slices.Sorted(maps.Keys(d.upstreams.all)) {
		d.openShare(name, d.upstreams.all[name])
	}
}

// foretell says when a row under way is expected to end.
func (d *daemon) foretell(r view.Pending) (p50, p90 time.Time, ok bool) {
	now := d.now()
	return d.planner.Eta(planner.Pending{
		Provider: d.providers.Name(r.Row.Provider), Type: r.Row.Type, Stage: r.Stage, Began: d.cfg.policy().Began(now, r.Row), Entered: r.Entered,
	}, now)
}

// openShare makes the holder of a provider's share, if its limit is shared.
func (d *daemon) openShare(name string, a upstream.Adapter) {
	s, ok := a.(shared)
	limits := a.Limits()
	if !ok || limits.Requests <= 0 {
		return
	}
	s.ShareOut(0, time.Time{}) // until the database has answered
	window := cmp.Or(limits.Window, time.Second)
	d.holders = append(d.holders, share{name, budget.New(budget.Config{
		DB: d.pool, Credential: s.Credential(), Requests: limits.Requests, Window: window,
		Gate: demanding{s, func() float64 { return d.planner.Demand(name) }, window}, Logger: d.cfg.Logger.With("provider", name),
	})})
}

// share is a daemon's share of a provider's limit.
type share struct {
	provider string
	*budget.Holder
}

// gauge shows the share.
func (s share) gauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tasksync_upstream_share", ConstLabels: prometheus.Labels{"provider": s.provider},
		Help: "Calls that this daemon may make in a window of the upstream's rate limit, which daemons share.",
	}, func() float64 { return float64(s.Share()) })
}

// runLooks learns and shares until ctx ends.
func (d *daemon) runLooks(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { return d.planner.Run(ctx) })
	for _, h := range d.holders {
		group.Go(func() error { return h.Run(ctx) })
	}
	group.Go(func() error { return d.pauses.Run(ctx) })
	if d.recorder != nil {
		group.Go(func() error { return d.recorder.Run(ctx) })
	}
	return group.Wait()
}

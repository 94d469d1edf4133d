package daemon

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"tasksync/internal/console"
	"tasksync/internal/database"
	"tasksync/internal/pauses"
	"tasksync/internal/planner"
	"tasksync/internal/story"
	"tasksync/internal/wait"
	"tasksync/queries"
	"tasksync/syncer"
	"tasksync/task"
)

// Console configures the operator's page at /console on the admin address. It is off
// until Password or ProxyHeader is set.
type Console struct {
	// Password opens the page; at least 12 characters.
	Password string `json:"-"`
	// ProxyHeader is a header, like X-Forwarded-User, in which a proxy that has signed
	// people in says who asks. It counts from Proxies only; default: loopback addresses.
	ProxyHeader string
	Proxies     []netip.Prefix
	// Actions allows the page to retry rows, and to pause providers; default: it reads.
	Actions bool
}

func (c Console) on() bool { return c.Password != "" || c.ProxyHeader != "" }

func (c Console) validate() error {
	if c.Password != "" && len(c.Password) < 12 {
		return wrong("Console.ConsolePassword", "is shorter than 12 characters; make one with: openssl rand -base64 18")
	}
	return nil
}

func (c Console) proxies() []netip.Prefix {
	if len(c.Proxies) > 0 {
		return c.Proxies
	}
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// openConsole serves the console from now on.
func (d *daemon) openConsole(ctx context.Context) (err error) {
	d.consoleData = &consoleData{d: d, q: queries.New()}
	var ui http.Handler
	if d.cfg.Console.on() {
		if ui, err = d.jobs.UI(ctx, "/console/jobs"); err != nil {
			return err
		}
	}
	d.admin.rest.set(console.New(console.Config{
		Source: d.consoleData, Password: d.cfg.Console.Password, ProxyHeader: d.cfg.Console.ProxyHeader, Proxies: d.cfg.Console.proxies(),
		Actions: d.cfg.Console.Actions, Jobs: ui, Logger: d.cfg.Logger,
	}))
	return nil
}

func (d *daemon) runConsole(ctx context.Context) error { return d.consoleData.run(ctx) }

// consoleData is what the console shows.
type consoleData struct {
	d *daemon
	q *queries.Queries

	mu     sync.Mutex
	last   *console.Overview
	delays []console.Delay // a minute each, the oldest first
	ends   uint64          // and
	sum    float64         // of the metric, at the last minute
}

var _ console.Source = (*consoleData)(nil)

// Explain implements console.Source.
func (c *consoleData) Explain(ctx context.Context, id string) ([]*story.Story, error) {
	show := c.d.cfg.storyWith(c.d.pauses)
	show.Now, show.Foretell = c.d.now, c.d.foretell
	all, err := stories(ctx, c.d.pool, show, id)
	if errors.Is(err, ErrNoRow) {
		return nil, console.ErrNotFound
	}
	return all, err
}

// Retry implements console.Source.
func (c *consoleData) Retry(ctx context.Context, id string) (bool, error) {
	n, err := c.d.syncer.Retry(ctx, syncer.RetryRequest{IDs: []string{id}}, nil)
	return n > 0, err
}

// Pause implements console.Source.
func (c *consoleData) Pause(ctx context.Context, provider, reason string) error {
	if !slices.ContainsFunc(c.d.cfg.Providers, func(p Provider) bool { return p.Name == provider }) {
		return console.ErrNoProvider
	}
	return c.q.PauseBegin(ctx, c.d.pool, queries.PauseBeginParams{Provider: strings.ToLower(provider), Reason: task.Redact(reason)})
}

// Resume implements console.Source.
func (c *consoleData) Resume(ctx context.Context, provider string) (bool, error) {
	if _, err := c.q.PauseEnd(ctx, c.d.pool, strings.ToLower(provider)); err != nil {
		return false, err
	}
	left, err := c.q.PauseList(ctx, c.d.pool)
	return !slices.ContainsFunc(left, func(r queries.TasksyncPause) bool { return r.Provider == pauses.All }), err
}

// overviewFor is how long an overview holds, for all who look.
const overviewFor = 2 * time.Second

// Overview implements console.Source.
func (c *consoleData) Overview(ctx context.Context) (*console.Overview, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && time.Since(c.last.At).Abs() < overviewFor {
		return c.last, nil
	}
	o := &console.Overview{
		At: time.Now(), Version: c.d.cfg.Version, Pending: []console.Pending{}, Failures: []console.Failures{}, Ignored: []console.Ignored{},
		Overdue: []console.Ignored{}, Daemons: []string{}, Trouble: []console.Trouble{}, Durations: []console.Duration{}, Effects: []console.Effect{}, Delay: append(slices.Clone(c.delays), c.minute()),
	}
	for _, part := range []func(context.Context, *console.Overview) error{c.pending, c.finished, c.failures, c.waiting, c.daemons, c.effects} {
		if err := part(ctx, o); err != nil {
			return nil, database.WithoutDetail(err)
		}
	}
	c.own(o)
	c.last = o
	return o, nil
}

func (c *consoleData) pending(ctx context.Context, o *console.Overview) error {
	rows, err := c.q.ConsolePendingAges(ctx, c.d.pool)
	for _, r := range rows {
		o.Pending = append(o.Pending, console.Pending{Type: r.TaskType, Ages: [6]int64{r.ToHalf, r.ToOne, r.ToTwo, r.ToFive, r.ToTen, r.Older}})
	}
	return err
}

func (c *consoleData) finished(ctx context.Context, o *console.Overview) error {
	rows, err := c.q.ConsoleFinished(ctx, c.d.pool)
	o.Finished = make([]console.Minute, 60)
	for _, r := range rows {
		if at := 59 - int(r.MinutesAgo); at >= 0 && at < 60 {
			o.Finished[at] = console.Minute{Complete: r.Complete, Failed: r.Failed}
		}
	}
	return err
}

func (c *consoleData) failures(ctx context.Context, o *console.Overview) error {
	rows, err := c.q.ConsoleFailures(ctx, c.d.pool)
	for _, r := range rows {
		o.Failures = append(o.Failures, console.Failures{Code: r.ErrorCode, Rows: r.Failed, Examples: r.Examples, LastAt: r.LastAt})
	}
	return err
}

// shownWaiting is how many rows that wait are shown of each kind.
const shownWaiting = 20

func (c *consoleData) waiting(ctx context.Context, o *console.Overview) (err error) {
	list := func(req PendingRequest) (rows []console.Ignored) {
		rows = []console.Ignored{}
		found, failed := c.d.cfg.pending(ctx, c.d.pool, c.d.cfg.storyWith(c.d.pauses), req)
		err = cmp.Or(err, failed)
		for _, r := range found {
			rows = append(rows, console.Ignored{ID: r.ID, Reason: r.Reason, Why: r.Why})
		}
		return rows
	}
	o.Ignored = list(PendingRequest{Ignored: true, Limit: shownWaiting})
	o.Overdue = list(PendingRequest{Overdue: true, Limit: shownWaiting})
	return err
}

func (c *consoleData) daemons(ctx context.Context, o *console.Overview) error {
	rows, err := c.q.ConsoleDaemons(ctx, c.d.pool)
	for _, r := range rows {
		if name, ok := strings.CutPrefix(r.Name, "jobs "); ok {
			o.Daemons = append(o.Daemons, name)
		}
	}
	return err
}

// own fills in what is of this daemon.
func (c *consoleData) own(o *console.Overview) {
	d := c.d
	o.Feed = console.Feed{Configured: d.cfg.Feed, Mode: d.heardBy()}
	reasons := d.health.notReady()
	o.Feed.Trouble = reasons["feed"]
	for _, part := range slices.Sorted(maps.Keys(reasons)) {
		o.Trouble = append(o.Trouble, console.Trouble{Part: part, Why: reasons[part]})
	}
	for _, p := range d.cfg.Providers {
		o.Providers = append(o.Providers, d.provider(p))
	}
	for _, s := range d.planner.Sketches() {
		o.Durations = append(o.Durations, durationOf(s))
	}
}

func (d *daemon) provider(p Provider) console.Provider {
	shown := console.Provider{Name: p.Name, Limit: p.Rate().String(), Paused: d.pauses.Of(p.Name).String(), Refused: d.upstreams.paused[p.Name]()}
	for _, h := range d.holders {
		if h.provider == p.Name {
			shown.Share = h.Share()
		}
	}
	if s, ok := d.upstreams.all[p.Name].(shared); ok {
		shown.Used = s.Used()
	}
	return shown
}

func durationOf(s planner.Sketch) console.Duration {
	out := console.Duration{Provider: s.Provider, Type: string(s.Type), Rows: s.Rows, Quantiles: []float64{}, Looks: []float64{}}
	for _, q := range s.Quantiles {
		out.Quantiles = append(out.Quantiles, q.Seconds())
	}
	for _, l := range s.Looks {
		out.Looks = append(out.Looks, l.Seconds())
	}
	return out
}

// run notes each minute how late ends were found in it.
func (c *consoleData) run(ctx context.Context) error {
	for wait.For(ctx, time.Minute) == nil {
		c.note()
	}
	return nil
}

func (c *consoleData) note() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delays = append(c.delays, c.minute())
	c.delays = c.delays[max(0, len(c.delays)-59):]
	c.ends, c.sum = delaySoFar(c.d.registry.gatherer)
}

// minute is the delay of what was found since the last note. The caller holds the lock.
func (c *consoleData) minute() console.Delay {
	ends, sum := delaySoFar(c.d.registry.gatherer)
	if ends <= c.ends {
		return console.Delay{}
	}
	return console.Delay{Ends: int64(ends - c.ends), Mean: (sum - c.sum) / float64(ends-c.ends)} //nolint:gosec // rows
}

// delaySoFar is what metric tasksync_detection_delay_seconds has counted.
func delaySoFar(g prometheus.Gatherer) (ends uint64, sum float64) {
	families, _ := g.Gather() // what could not be gathered is another metric
	at := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "tasksync_detection_delay_seconds" })
	if at < 0 {
		return 0, 0
	}
	for _, m := range families[at].GetMetric() {
		ends, sum = ends+m.GetHistogram().GetSampleCount(), sum+m.GetHistogram().GetSampleSum()
	}
	return ends, sum
}

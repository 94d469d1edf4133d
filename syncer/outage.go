package syncer

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"tasksync/task"
)

// outage is what is logged of an upstream whose fetches fail, for whatever reason: one
// line when that begins, one a minute with the number of failures while it lasts, and one
// when a fetch succeeds again. An upstream that answers now and then gets at most one
// line of each kind a minute. An outage is safe for concurrent use.
type outage struct {
	provider string

	mu     sync.Mutex
	since  time.Time // when it began; zero: fetches succeed
	last   time.Time // when a fetch failed last
	failed int       // fetches, since it began
	said   time.Time // when a line about a failure was last logged
	told   bool      // of this outage
}

const (
	// tellOutage is the least time between two lines about failures.
	tellOutage = time.Minute
	// outageOver is how long after its last failure an outage is over, even if nothing
	// was fetched: there may be no rows.
	outageOver = 10 * time.Minute
)

// outageLine is what a line says: how many fetches have failed, since when.
type outageLine struct {
	failed int
	lasted time.Duration
}

// fails notes a failed fetch, and reports whether to log it.
func (o *outage) fails(now time.Time) (line outageLine, say bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() || now.Sub(o.last).Abs() >= outageOver {
		o.since, o.failed, o.told = now, 0, false
	}
	o.failed, o.last = o.failed+1, now
	if now.Sub(o.said).Abs() >= tellOutage {
		o.said, o.told, say = now, true, true
	}
	return outageLine{o.failed, now.Sub(o.since)}, say
}

// succeeds notes a fetch that succeeded, and reports whether to log that.
func (o *outage) succeeds(now time.Time) (line outageLine, say bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	line, say = outageLine{o.failed, now.Sub(o.since)}, o.told
	o.since, o.failed, o.told = time.Time{}, 0, false
	return line, say
}

// attrs are the line's attributes.
func (l outageLine) attrs() []any {
	return []any{"failures", l.failed, "for", l.lasted.Round(time.Second).String()}
}

// tellFetch logs how a fetch of so many tasks ended, as [outage] says. A call that was not
// made because of a limit or a refused account is no failure of the upstream, and what is
// wrong with an account is logged by its adapter.
func (s *Syncer) tellFetch(o *outage, err error, answered, asked int) {
	now := s.cfg.Now()
	if err == nil {
		if line, say := o.succeeds(now); say {
			s.cfg.Logger.Info("[TaskSync] The provider answers again", append([]any{"provider", o.provider}, line.attrs()...)...)
		}
		return
	}
	level, count := slog.LevelDebug, []any(nil)
	if late := errors.Is(err, context.DeadlineExceeded) && answered > 0; !late && ofUpstream(err) {
		line, say := o.fails(now)
		if count = line.attrs(); say {
			level = slog.LevelWarn
		}
	}
	s.cfg.Logger.Log(context.Background(), level, "[TaskSync] Fetching status failed; rows stay pending",
		append([]any{"provider", o.provider, "error", err, "answered", answered, "asked", asked}, count...)...)
}

// ofUpstream reports whether the error of a fetch is a failure of the upstream.
func ofUpstream(err error) bool {
	f, ok := errors.AsType[*task.Failure](err)
	return !ok || f.Verdict != task.Account && (!f.Unsent || f.Reason == task.ReasonBreakerOpen)
}

// answersIn counts the observations that are answers about their tasks.
func answersIn(observations []task.Observation) (n int) {
	for _, obs := range observations {
		if obs.Failure == nil || obs.Failure.Verdict > task.Account {
			n++
		}
	}
	return n
}

// newOutages returns an outage for each upstream. One that has two names, its own and ""
// as the default, has one outage.
func newOutages(upstreams map[string]Upstream) map[string]*outage {
	outages := make(map[string]*outage, len(upstreams))
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(upstreams))) { // "" comes last
		outages[name] = &outage{provider: cmp.Or(name, "default")}
		for other, o := range outages {
			if name == "" && other != "" && sameUpstream(upstreams[name], upstreams[other]) {
				outages[name] = o
			}
		}
	}
	return outages
}

func sameUpstream(a, b Upstream) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"regexp"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/internal/budget"
	"tasksync/looks"
)

// seed is the same in every run, so that all policies see the same rows.
const seed = 2026

// noEnd is no end of a play but that of its rows.
const noEnd = 1000 * time.Hour

// measured is what a policy makes of a world.
type measured struct {
	name       string
	requests   float64 // per row
	mean, p95  float64 // delay between a row's end and its answer, in seconds
	used       float64 // part of the limit
	mostInSpan int     // calls in any 10 s
}

// contestant is a policy by name. Its planners take the time and the budgets from
// the play.
type contestant struct {
	name   string
	policy func(p *play) policy
}

// ours is tasksync at a pace. The budget of each daemon is what the daemon tells its
// planner.
func ours(pace looks.Pace) contestant {
	return contestant{"tasksync, " + string(pace), func(p *play) policy {
		var shares []*budget.Smooth
		for range p.daemons {
			shares = append(shares, budget.NewSmooth(limitRequests))
		}
		return newPlanned(pace, len(p.daemons), p.clock, func(i int) float64 {
			return shares[i].Next(p.daemons[i].share, p.clock()) / limitWindow.Seconds()
		})
	}}
}

func every(d time.Duration) contestant {
	return contestant{"every " + d.String(), func(*play) policy { return fixed(d) }}
}

// measure plays a world to its end, as often as it says.
func measure(w world, c contestant) measured {
	m, plays := measured{name: c.name}, max(1, w.plays)
	for i := range plays {
		p := newPlay(w, seed+uint64(i)) //nolint:gosec // some
		p.run(c.policy(p), noEnd)
		one := p.measured(c.name)
		part := 1 / float64(plays)
		m.requests, m.mean, m.p95, m.used = m.requests+part*one.requests, m.mean+part*one.mean, m.p95+part*one.p95, m.used+part*one.used
		m.mostInSpan = max(m.mostInSpan, one.mostInSpan)
	}
	return m
}

// measured is of the rows that came after those that were learnt from.
func (r *play) measured(name string) measured {
	m := measured{name: name}
	var delays []float64
	for _, row := range r.measuredRows() {
		m.requests += float64(row.requests) / float64(r.world.rows)
		delays = append(delays, row.delay.Seconds())
	}
	m.mean, m.p95 = mean(delays), quantile(delays, 0.95)
	from, to := r.measuredRows()[0].born, r.measuredRows()[r.world.rows-1].born
	sent := 0
	for i, at := range r.sent {
		if at >= from && at < to {
			sent++
		}
		k, _ := slices.BinarySearch(r.sent, at-limitWindow+1)
		m.mostInSpan = max(m.mostInSpan, i-k+1)
	}
	m.used = float64(sent) / (to - from).Seconds() / (limitRequests / limitWindow.Seconds())
	return m
}

func (r *play) measuredRows() []*row { return r.rows[r.learnt:][:r.world.rows] }

func mean(of []float64) (sum float64) {
	for _, x := range of {
		sum += x / float64(len(of))
	}
	return sum
}

// quantile is by the nearest rank.
func quantile(of []float64, part float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[max(0, int(math.Ceil(part*float64(len(sorted))))-1)]
}

// worlds are those that are played.
func worlds() []world {
	base := world{daemons: 1, users: 8, learnt: 200, rows: 600}
	var all []world
	add := func(l lengths, change func(*world), rates ...float64) {
		for _, rate := range rates {
			w := base
			w.lengths, w.rate = l, rate
			change(&w)
			all = append(all, w)
		}
	}
	plain := func(*world) {}
	stages := func(w *world) { w.stages = true }
	hooks := func(w *world) { w.stages, w.hooks = true, 0.97 }
	add(logNormal(), plain, 0.02, 0.1, 0.25, 0.4, 0.8)
	add(logNormal(), stages, 0.02, 0.1, 0.25, 0.4, 0.8)
	add(logNormal(), func(w *world) { w.stages, w.learnt, w.rows, w.plays = true, 0, 60, 5 }, 0.1, 0.25)
	add(logNormal(), func(w *world) { w.stages, w.learnt, w.rows, w.plays = true, 60, 60, 5 }, 0.1, 0.25)
	add(logNormal(), func(w *world) { w.hooks = 0.97 }, 0.25)
	add(logNormal(), hooks, 0.02, 0.25, 0.8)
	add(logNormal(), func(w *world) { w.stages, w.hooks = true, 1 }, 0.25)
	add(twoHumped(), plain, 0.1, 0.4)
	add(twoHumped(), stages, 0.1, 0.4)
	add(drifting(), plain, 0.1)
	add(drifting(), stages, 0.1, 0.4)
	add(logNormal(), func(w *world) { w.stages, w.daemons = true, 3 }, 0.02, 0.25, 0.8)
	add(logNormal(), func(w *world) { w.stages, w.hooks, w.daemons = true, 0.97, 3 }, 0.25)
	for _, crowd := range []int{0, 500} {
		add(logNormal(), func(w *world) { w.stages, w.users, w.crowd = true, 1, crowd }, 0.05)
	}
	return all
}

// table is the results of one world.
type table struct {
	world
	lines []measured
	best  curve
}

// playLooks plays all worlds and prints a table of each.
func playLooks(out io.Writer, match *regexp.Regexp) error {
	began := time.Now()
	fmt.Fprintln(out, machine())
	fmt.Fprintf(out, "software  %s\ncommand   go run ./internal/bench -only looks\n", runtime.Version())
	fmt.Fprintf(out, "\nlooks in virtual time: %d requests in %s, calls of %s, Poisson arrivals, seed %d;\n", limitRequests, limitWindow, callTime, seed)
	fmt.Fprintln(out, "600 rows of 8 users are measured after 200 that are learnt from; the shares of daemons follow the rule of")
	fmt.Fprintln(out, "migration 18 in Go. The optimum knows the distribution, sees no stages, and has the balanced price or what fits the limit.")
	fmt.Fprintln(out, "Who knows the stages too knows how they and the ends come together, and has the balanced price.")
	all := slices.DeleteFunc(worlds(), func(w world) bool { return !match.MatchString(w.String()) })
	tables := make([]table, len(all))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, w := range all {
		group.Go(func() error {
			tables[i] = w.table()
			return nil
		})
	}
	_ = group.Wait() // none fails
	for _, t := range tables {
		t.print(out)
	}
	printAims(out, tables)
	fmt.Fprintf(out, "\nplayed in %.0f s\n", time.Since(began).Seconds())
	return nil
}

func (w world) table() table {
	best := newOptimum(w.lengths)
	price := best.price(w, looks.Balanced.Price())
	t := table{world: w, best: best.curve()}
	all := []contestant{
		every(15 * time.Second), every(30 * time.Second), ours(looks.Frugal), ours(looks.Balanced), ours(looks.Eager),
		{"exact optimum", func(*play) policy { return best.policy(w, price) }},
	}
	if w.stages && w.hooks == 0 && w.crowd == 0 && !w.lengths.moving && w.rate >= 0.1 && w.rate < 0.4 {
		all = append(all, knowsStages(w.lengths, looks.Balanced.Price()))
	}
	for _, c := range all {
		t.lines = append(t.lines, measure(w, c))
	}
	return t
}

func (t table) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s\n", t.world)
	fmt.Fprintf(out, "  %-20s %12s %10s %10s %10s %8s   %s\n", "", "requests/row", "mean delay", "p95 delay", "limit used", "in 10 s", "requests by the optimum's at this delay")
	for _, m := range t.lines {
		ratio := m.requests / t.best.at(m.mean)
		fmt.Fprintf(out, "  %-20s %12.2f %8.2f s %8.2f s %8.0f %% %8d   %s\n", m.name, m.requests, m.mean, m.p95, 100*m.used, m.mostInSpan,
			cmp.Or(map[bool]string{true: "-"}[math.IsNaN(ratio)], fmt.Sprintf("%.2f", ratio)))
	}
}

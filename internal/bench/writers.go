package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"tasksync/feed"
	"tasksync/internal/postgres"
)

// A variant is one way to hear of new rows, or not to hear of them.
type variant struct {
	name     string
	trigger  string // SQL that sets up the triggers
	mode     string // of the feed; "": there is no feed
	busyRate int
	daemon   bool // a whole daemon, which syncs the rows with an instant upstream
}

const (
	triggersOff = `ALTER TABLE music_generations DISABLE TRIGGER tasksync_notify_insert, DISABLE TRIGGER tasksync_notify_update`
	triggersOn  = `ALTER TABLE music_generations ENABLE TRIGGER tasksync_notify_insert, ENABLE TRIGGER tasksync_notify_update`
	// always is the simplest trigger.
	always = triggersOff + `;
		CREATE TRIGGER bench_always AFTER INSERT ON music_generations FOR EACH ROW EXECUTE FUNCTION tasksync.notify_generation()`
	// noIndex also drops the index by which the feeds read the newest rows.
	noIndex = triggersOff + `; DROP INDEX tasksync_pending_by_created_at_idx`

	never = 1 << 30
)

// variants returns the variants in the order of each round. The first one is the
// baseline.
func variants(match *regexp.Regexp) []variant {
	all := []variant{
		{name: "no trigger", trigger: triggersOff},
		{name: "no trigger, nor the feeds' index", trigger: noIndex},
		{name: "a trigger that always notifies", trigger: always},
		{name: "notify, kept listening", trigger: triggersOn, mode: feed.Notify, busyRate: never},
		{name: "notify, which reads under load", trigger: triggersOn, mode: feed.Notify},
		{name: "wal", trigger: triggersOn, mode: feed.WAL},
		{name: "poll, triggers off", trigger: triggersOff, mode: feed.Poll},
		{name: "daemon, notify", trigger: triggersOn, mode: feed.Notify, daemon: true},
		{name: "daemon, wal", trigger: triggersOn, mode: feed.WAL, daemon: true},
		{name: "daemon, poll, triggers off", trigger: triggersOff, mode: feed.Poll, daemon: true},
	}
	return slices.DeleteFunc(all, func(v variant) bool { return v.name != all[0].name && !match.MatchString(v.name) })
}

// cell holds the results of one variant with one number of clients, in all rounds.
type cell struct {
	perSecond []float64
	latencies []time.Duration // from the begin of the transaction until the row was handed on
	missed    int
}

const insertScript = `INSERT INTO music_generations (user_id, task_id, task_type) VALUES (gen_random_uuid(), 'bench-task', 'generate');
`

// writers measures how fast clients insert single rows, beside each feed.
func writers(ctx context.Context, server *postgres.Server, pgbench string, o options) error {
	w := &writerBench{server: server, pgbench: pgbench, options: o}
	cells := map[string]map[int]*cell{}
	for round := range o.rounds {
		for i, v := range variants(o.match) {
			if cells[v.name] == nil {
				cells[v.name] = map[int]*cell{}
				if err := w.prepare(ctx, i, v); err != nil {
					return fmt.Errorf("%s: %w", v.name, err)
				}
			}
			for _, clients := range o.at {
				if cells[v.name][clients] == nil {
					cells[v.name][clients] = &cell{}
				}
				if err := w.measure(ctx, i, v, clients, cells[v.name][clients]); err != nil {
					return fmt.Errorf("%s, %d clients, round %d: %w", v.name, clients, round+1, err)
				}
			}
		}
	}
	printWriters(cells, o)
	return nil
}

func printWriters(cells map[string]map[int]*cell, o options) {
	base, last := variants(o.match)[0].name, o.at[len(o.at)-1]
	fmt.Printf("\nsingle-row inserts per second beside each feed, and the ratio to no trigger; at %d clients also how long until handed on\n",
		last)
	fmt.Printf("  %-40s", "clients")
	for _, n := range o.at {
		fmt.Printf(" %15s", strconv.Itoa(n))
	}
	fmt.Printf("   %8s %8s %8s\n", "p50 ms", "p95 ms", "p99 ms")
	for _, v := range variants(o.match) {
		fmt.Printf("  %-40s", v.name)
		for _, n := range o.at {
			rate := median(cells[v.name][n].perSecond)
			fmt.Printf(" %8.0f (%.2f)", rate, rate/median(cells[base][n].perSecond))
		}
		if last := cells[v.name][last]; len(last.latencies) > 0 {
			fmt.Printf("   %8.1f %8.1f %8.1f", percentile(last.latencies, 50), percentile(last.latencies, 95), percentile(last.latencies, 99))
			if last.missed > 0 {
				fmt.Printf("   %d left to the sweep", last.missed)
			}
		}
		fmt.Println()
	}
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return s[len(s)/2]
}

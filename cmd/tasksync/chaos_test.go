//go:build chaos

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
)

// TestChaos (`make chaos SEED=… MINUTES=…`) has three daemons, one of each feed, work
// while rows of all types and fates are inserted and faults, drawn from the seed, come
// alone and together. In the end it asks the database for what must hold:
//
//   - Every row ends as its task did, and is written once.
//   - No row ends more than ten seconds of available time after its deadline.
//   - The daemons together have no more than ten sessions each, ten seconds after what
//     broke the old ones.
func TestChaos(t *testing.T) {
	c := newChaos(t)
	end := time.Now().Add(c.minutes)
	for round := 1; time.Now().Before(end); round++ {
		c.burst(t, 20+c.random.IntN(80))
		for range 1 + c.random.IntN(3) {
			c.fault(t)
		}
		c.wait(t, time.Duration(3+c.random.IntN(7))*time.Second)
		c.mend(t)
	}
	c.mend(t)
	c.settle(t, func() *process { return c.daemons[0].process })
	c.report(t)
}

type chaos struct {
	*e2e
	server  *postgres.Server
	random  *rand.Rand
	minutes time.Duration
	daemons []*chaosDaemon
	outages []span // of the database
	most    int    // sessions, for ten seconds on end
	above   time.Time
	peak    int
	faults  map[string]int
}

type span struct{ from, to time.Time }

type chaosDaemon struct {
	*process
	settings map[string]string
	proxy    *postgrestest.Proxy
	stopped  bool // by SIGSTOP
	dead     bool
}

func newChaos(t *testing.T) *chaos {
	seed, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	minutes, err := strconv.ParseFloat(os.Getenv("MINUTES"), 64)
	if err != nil {
		minutes = 2
	}
	server := postgrestest.Server(t)
	url, err := server.CreateDatabase(t.Context(), "app")
	require.NoError(t, err)
	c := &chaos{
		server: server, random: rand.New(rand.NewPCG(seed, 1)), minutes: time.Duration(minutes * float64(time.Minute)), faults: map[string]int{},
		e2e: &e2e{provider: "sunoapi", seed: seed, url: url, rows: map[string]string{}, rng: rand.New(rand.NewPCG(seed, 2))},
	}
	c.pool, err = pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(c.pool.Close)
	c.serve(t, simulator.Config{Seed: seed, Speed: e2eSpeed, FaultMix: e2eFaults, FaultRate: 0.02})
	for _, feed := range []string{"notify", "wal", "poll"} {
		d := &chaosDaemon{settings: c.settings(), proxy: postgrestest.NewProxy(t, "127.0.0.1:0", url)}
		d.settings["TASKSYNC_FEED"], d.settings["DATABASE_URL"] = feed, d.proxy.URL()
		d.process = start(t, d.settings, "run")
		d.ready(t)
		c.daemons = append(c.daemons, d)
	}
	return c
}

// fault makes one of the faults, which mend ends.
func (c *chaos) fault(t *testing.T) {
	t.Helper()
	d := c.daemons[c.random.IntN(len(c.daemons))]
	faults := []struct {
		name string
		do   func()
	}{
		{"kill -9", func() { _, d.dead = d.cmd.Process.Kill(), true }},
		{"SIGSTOP", func() { d.stopped = !d.dead && d.cmd.Process.Signal(syscall.SIGSTOP) == nil }},
		{"SIGTERM", func() {
			if !d.dead && !d.stopped {
				_, d.dead = d.cmd.Process.Signal(syscall.SIGTERM), true
			}
		}},
		{"stalled connections", func() { d.proxy.FallSilent(false) }},
		{"stalled network", func() { d.proxy.FallSilent(true) }},
		{"terminated sessions", func() {
			c.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'tasksync%' AND random() < 0.5`)
		}},
		{"deleted jobs", func() { c.exec(t, `DELETE FROM tasksync.river_job WHERE random() < 0.7`) }},
		{"garbage in jobs", func() { c.exec(t, `UPDATE tasksync.river_job SET args = '{"ids": 7}' WHERE random() < 0.7`) }},
		{"empty jobs", func() { c.exec(t, `UPDATE tasksync.river_job SET args = '{}' WHERE random() < 0.7`) }},
		{"restart of Postgres", func() { c.restart(t) }},
	}
	f := faults[c.random.IntN(len(faults))]
	c.faults[f.name]++
	f.do()
}

func (c *chaos) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := c.pool.Exec(t.Context(), sql); err != nil {
		t.Log(err) // a lock that a stopped daemon holds
	}
}

func (c *chaos) restart(t *testing.T) {
	t.Helper()
	from := time.Now()
	require.NoError(t, c.server.Restart(t.Context()))
	c.pool.Reset()
	c.outages = append(c.outages, span{from, time.Now()})
}

// mend ends what is not over by itself.
func (c *chaos) mend(t *testing.T) {
	t.Helper()
	for _, d := range c.daemons {
		d.proxy.Speak()
		if d.stopped {
			_ = d.cmd.Process.Signal(syscall.SIGCONT)
		}
		if d.dead {
			<-d.done
			d.process = start(t, d.settings, "run")
		}
		d.dead, d.stopped = false, false
	}
}

// wait counts the sessions of the daemons.
func (c *chaos) wait(t *testing.T, long time.Duration) {
	t.Helper()
	for end := time.Now().Add(long); time.Now().Before(end); <-time.After(250 * time.Millisecond) {
		var n int
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		err := c.pool.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'tasksync%'`).Scan(&n)
		cancel()
		switch {
		case err != nil:
			continue
		case n <= 10*len(c.daemons):
			c.above = time.Time{}
		case c.above.IsZero():
			c.above = time.Now()
		case time.Since(c.above) > 10*time.Second:
			c.most = max(c.most, n)
		}
		c.peak = max(c.peak, n)
	}
}

func (c *chaos) report(t *testing.T) {
	t.Helper()
	type row struct {
		ID, Status string
		Late       float64
		Deadline   time.Time
	}
	rows := collect[row](t, c.pool, `SELECT id::text, status, extract(epoch FROM completed_at - created_at - interval '10 minutes')::float8, created_at + interval '10 minutes'
		FROM music_generations WHERE completed_at IS NOT NULL`)
	require.Len(t, rows, len(c.rows), "no row is lost")
	wrong, late, latest := 0, 0, 0.0
	for _, r := range rows {
		record, _ := c.sim.Task(c.rows[r.ID])
		if string(record.Expected.Status) != r.Status {
			wrong++
			t.Log("wrong:", r.ID, record.Fate, "expected", record.Expected.Status, "is", r.Status)
		}
		for _, o := range c.outages {
			if end := r.Deadline.Add(time.Duration(r.Late * float64(time.Second))); o.from.Before(end) && o.to.After(r.Deadline) {
				r.Late -= o.to.Sub(o.from).Seconds()
			}
		}
		if r.Late > 10 {
			late++
		}
		latest = max(latest, r.Late)
	}
	c.verifyEvents(t, t.Context())
	report := fmt.Sprintf("seed %d: %d rows, %v, wrong %d, late %d (the latest %.1f s after its deadline), sessions at most %d, more than 30 for ten seconds: %d",
		c.seed, len(rows), c.faults, wrong, late, latest, c.peak, c.most)
	t.Log(report)
	require.Zero(t, wrong, report)
	require.Zero(t, late, report)
	require.Zero(t, c.most, report)
}

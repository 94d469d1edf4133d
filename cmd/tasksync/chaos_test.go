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
// alone and together. In the end it asks the database and the simulator for what must
// hold:
//
//   - Every row that the application has not deleted ends as its task did, with each
//     clip's every field, and one event says so. An end is never rewritten: a trigger
//     of the test would have seen it.
//   - No row ends more than ten seconds of available time after its deadline.
//   - The daemons together never make more calls than the limit permits, in any window.
//   - They have no more than ten sessions each, ten seconds after what broke the old
//     ones; and few lines of log, whatever goes on.
//   - In the end, no job is left, and memory and goroutines are back to their base.
//
// The report is printed, and written as JSON to the file that REPORT names.
func TestChaos(t *testing.T) {
	c := newChaos(t)
	end := time.Now().Add(c.minutes)
	for round := 1; time.Now().Before(end); round++ {
		c.insertRows(t, 20+c.random.IntN(80))
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
	mends   []func() // of faults that are not over by themselves
	meter   *meter
	began   time.Time
}

type span struct{ from, to time.Time }

type chaosDaemon struct {
	*process
	earlier  []*process // that have ended
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
	c.began = time.Now()
	c.serve(t, simulator.Config{Seed: seed, Speed: e2eSpeed, FaultMix: e2eFaults, FaultRate: 0.02})
	c.meter = &meter{next: c.sim}
	c.api.Config.Handler = c.meter
	code, out := tasksync("migrate", "up", "--database-url", url)
	require.Zero(t, code, out)
	c.watchEnds(t)
	for _, feed := range []string{"notify", "wal", "poll"} {
		d := &chaosDaemon{settings: c.settings(), proxy: postgrestest.NewProxy(t, "127.0.0.1:0", url)}
		d.settings["TASKSYNC_FEED"], d.settings["DATABASE_URL"] = feed, d.proxy.URL()
		d.settings["TASKSYNC_RATE_LIMIT"] = fmt.Sprintf("%d/s", chaosLimit)
		d.process = start(t, d.settings, "run")
		c.daemons = append(c.daemons, d)
	}
	return c
}

// fault makes one of the faults, which mend ends.
func (c *chaos) fault(t *testing.T) {
	t.Helper()
	d := c.daemons[c.random.IntN(len(c.daemons))]
	faults := c.kinds(t, d)
	f := faults[c.random.IntN(len(faults))]
	c.faults[f.name]++
	f.do()
}

// exec runs statements in one transaction, for ten seconds at most.
func (c *chaos) exec(t *testing.T, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	err := c.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		_, err := conn.Conn().PgConn().Exec(ctx, sql).ReadAll()
		return err
	})
	if err != nil {
		t.Log(err) // a lock that a stopped daemon or another fault holds
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
	for _, mend := range c.mends {
		mend()
	}
	c.mends = nil
	for _, d := range c.daemons {
		d.proxy.Speak()
		if d.stopped {
			_ = d.cmd.Process.Signal(syscall.SIGCONT)
		}
		if d.dead {
			<-d.done
			d.earlier = append(d.earlier, d.process)
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

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// late is how much longer than another a call may take to be noted here. The limit
// counts calls as they are sent; this machine may be busy.
const late = 300 * time.Millisecond

// calls returns when each call for one of the world's tasks arrived, in order.
func (w *world) calls() []time.Time {
	var all []time.Time
	for _, id := range w.tasks {
		all = append(all, w.front.times(id)...)
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// within counts the calls of the last d.
func (w *world) within(d time.Duration) (n int) {
	since := time.Now().Add(-d)
	for _, at := range w.calls() {
		if at.After(since) {
			n++
		}
	}
	return n
}

// keeps asserts that no span of the window holds more calls than the limit.
func (w *world) keeps(t *testing.T, limit int, window time.Duration) {
	t.Helper()
	all := w.calls()
	for i := limit; i < len(all); i++ {
		span := all[i].Sub(all[i-limit])
		require.Greater(t, span, window-late, "%d calls, the last of them the %dth, %s after the first", limit+1, i, all[i].Sub(all[0]))
	}
}

// shareOf is the metric that a daemon shows.
func shareOf(t *testing.T, addr string) int {
	t.Helper()
	_, metrics := get(t, "http://"+addr+"/metrics")
	m := regexp.MustCompile(`(?m)^tasksync_upstream_share\{provider="sunoapi"\} (\d+)$`).FindStringSubmatch(metrics)
	require.NotNil(t, m, metrics)
	n, err := strconv.Atoi(m[1])
	require.NoError(t, err)
	return n
}

// Three daemons with one key share one limit, while one of them is stopped and comes
// back, and another is killed.
func TestLooksOfThreeDaemonsKeepOneLimit(t *testing.T) {
	t.Parallel()
	const limit, window, enough = 20, 10 * time.Second, 16
	w := newWorld(t, "sunoapi")
	settings := w.with("TASKSYNC_RATE_LIMIT", "20/10s", "TASKSYNC_TIMEOUT", "10m", "TASKSYNC_POLL_INTERVAL", "1s")
	daemons := make([]*process, 3)
	addrs := make([]string, 3)
	for i := range daemons {
		daemons[i] = start(t, settings, "run")
	}
	for i, d := range daemons {
		addrs[i] = d.ready(t)
	}
	for range 12 {
		w.add(t, 10, simulator.Success, 0)
	}
	used := func() bool { return w.within(window) >= enough }
	w.awaitWithin(t, daemons[0], 30*time.Second, "the limit is used", used)
	shares := 0
	for _, addr := range addrs {
		shares += shareOf(t, addr)
	}
	require.LessOrEqual(t, shares, limit)
	require.GreaterOrEqual(t, shares, enough)

	require.NoError(t, daemons[2].cmd.Process.Kill())
	killed := time.Now()
	// Its share is free after a window and five seconds, and is used up a window later.
	w.awaitWithin(t, daemons[0], 45*time.Second, "the others use the share of the daemon that was killed", func() bool {
		return time.Since(killed) >= window && used()
	})
	t.Logf("%s after the kill the others used the limit", time.Since(killed).Round(time.Second))

	require.NoError(t, daemons[1].cmd.Process.Signal(syscall.SIGSTOP))
	stopped := time.Now()
	w.await(t, daemons[0], "20 s have passed", func() bool { return time.Since(stopped) >= 20*time.Second })
	require.NoError(t, daemons[1].cmd.Process.Signal(syscall.SIGCONT))
	w.await(t, daemons[0], "the daemon that was stopped has a share", func() bool { return time.Since(stopped) >= 30*time.Second && shareOf(t, addrs[1]) > 0 })
	t.Logf("%d calls in %s", len(w.calls()), time.Since(w.calls()[0]).Round(time.Second))
	for _, d := range daemons[:2] {
		require.Zero(t, d.stop(t), d.last())
	}
	w.keeps(t, limit, window)
}

// A bare number is per second and means any second.
func TestLooksKeepARateLimitPerSecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with("TASKSYNC_RATE_LIMIT", "10", "TASKSYNC_TIMEOUT", "10m"), "run")
	d.ready(t)
	w.add(t, 100, simulator.Success, 0)
	w.await(t, d, "many calls", func() bool { return len(w.calls()) >= 60 })
	require.Zero(t, d.stop(t), d.last())
	w.keeps(t, 10, time.Second)
	require.Contains(t, d.output(), fmt.Sprintf("%q:%q", "rate_limit", "10/s"))
}

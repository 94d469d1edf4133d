package main

import (
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// TestTheNextDaemonTakesOver kills the daemon that runs the feed, or halts it as a
// debugger or a hanging machine does. The other daemon runs the feed soon after, and
// finds the rows that were inserted meanwhile.
func TestTheNextDaemonTakesOver(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGSTOP} {
		for _, mode := range []string{"notify", "wal", "poll"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				t.Parallel()
				takeOver(t, mode, signal)
			})
		}
	}
}

func takeOver(t *testing.T, mode string, signal syscall.Signal) {
	t.Helper()
	w := &e2e{provider: "sunoproxy", seed: 1, url: postgrestest.URL(t)}
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.pool = pool
	w.serve(t, simulator.Config{Speed: math.Inf(1), Mix: simulator.Mix{simulator.Success: 1}})
	settings := w.settings()
	settings["TASKSYNC_FEED"] = mode
	first := start(t, settings, "run")
	addr := first.ready(t)
	require.Eventually(t, func() bool {
		_, metrics := get(t, "http://"+addr+"/metrics")
		return strings.Contains(metrics, `tasksync_feed_mode{mode="`+mode+`"} 1`) && strings.Contains(metrics, `tasksync_feed_state{state="following"} 0`)
	}, time.Minute, 20*time.Millisecond)
	second := start(t, settings, "run")
	addr = second.ready(t)

	began := time.Now()
	require.NoError(t, first.cmd.Process.Signal(signal))
	ids := []string{w.sim.Submit(task.Generate, simulator.Success), w.sim.Submit(task.Generate, simulator.Success)}
	_, err = pool.Exec(t.Context(), `INSERT INTO music_generations (task_id, task_type) SELECT unnest($1::text[]), 'generate'`, ids)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, metrics := get(t, "http://"+addr+"/metrics")
		return strings.Contains(metrics, `tasksync_feed_mode{mode="`+mode+`"} 1`) && strings.Contains(metrics, `tasksync_feed_state{state="following"} 0`)
	}, time.Minute, 20*time.Millisecond, tail(second.output()))
	t.Logf("%s %s: took over after %s", mode, signal, time.Since(began).Round(time.Millisecond))
	w.settle(t, func() *process { return second })
	_ = first.cmd.Process.Signal(syscall.SIGCONT) // no process has the id if it was killed
	require.Zero(t, second.stop(t), tail(second.output()))
}

func TestFeedTrigger(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	for _, tc := range []struct{ want, says string }{{"status", "on: "}, {"off", "off: "}, {"status", "off: "}, {"on", "on: "}} {
		var out, errOut strings.Builder
		require.Equal(t, exitOK, run([]string{"feed", "trigger", tc.want, "--database-url", url}, &out, &errOut), errOut.String())
		require.True(t, strings.HasPrefix(out.String(), tc.says), out.String())
	}
	var out, errOut strings.Builder
	require.Equal(t, exitFailed, run([]string{"feed", "trigger", "off", "--database-url", postgrestest.Empty(t)}, &out, &errOut))
	require.Contains(t, errOut.String(), "tasksync migrate up")
	require.Equal(t, exitUsage, run([]string{"feed", "trigger", "away", "--database-url", url}, &out, &errOut))
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	var out, errOut strings.Builder
	w := newWorld(t, "sunoapi")
	args := []string{"doctor", "--database-url", w.url, "--api-key", "k", "--api-url", w.api.URL}
	require.Equal(t, exitOK, run(args, &out, &errOut), out.String()+errOut.String())
	require.Contains(t, out.String(), "ok   feed: auto chooses notify")
	out.Reset()
	require.Equal(t, exitFailed, run([]string{"doctor", "--database-url", postgrestest.Empty(t), "--api-key", "k"}, &out, &errOut))
	require.Contains(t, out.String(), "FAIL schema")
	require.Equal(t, exitUsage, run(append(args, "--slot-limit", "much"), &out, &errOut))
	require.Contains(t, errOut.String(), `TASKSYNC_SLOT_LIMIT "much" is not a size`)
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"1GiB": 1 << 30, "500MB": 500e6, "16 MiB": 16 << 20, "1073741824": 1 << 30, "2TiB": 2 << 40} {
		got, err := parseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "GiB", "-1GiB", "1.5GiB", "9999999999TiB", "1gib", "0"} {
		_, err := parseSize(text)
		require.Error(t, err, text)
	}
}

package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// While a provider is paused no call is made to it, also after a restart, and no row of
// its fails; when the pause has ended, they are completed.
func TestPausedProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	pause := func(exit int, args ...string) string {
		var out strings.Builder
		require.Equal(t, exit, run(append(args, "--database-url", w.url), &out, &out), out.String())
		return out.String()
	}
	require.Contains(t, pause(exitOK, "pause", "sunoapi", "--reason", "the provider moves"), "within two seconds")
	require.Contains(t, pause(exitUsage, "pause", "no name"), "the built-in ones are")
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.finish()
	d := start(t, w.with(), "run")
	addr := d.ready(t)
	w.outlive(t, 2*shortTimeout)
	require.Empty(t, w.front.times(id))
	require.Equal(t, "submitted", w.of(t, id).Status)

	status, body := get(t, "http://"+addr+"/readyz")
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, "the provider moves")
	_, body = get(t, "http://"+addr+"/metrics")
	require.Contains(t, body, `tasksync_paused{provider="sunoapi"} 1`)
	require.Equal(t, "paused", w.explain(t, id).Reason)
	out, _ := w.command(t, exitOK, "pending")
	require.Contains(t, out, "paused by an operator")
	out, _ = w.command(t, exitOK, "ls", "--stuck")
	require.Equal(t, "no rows\n", out)
	out, said := w.command(t, exitOK, "sync", id)
	require.Contains(t, out, "paused")
	require.Contains(t, said, "tasksync resume")
	require.Empty(t, w.front.times(id))
	require.Contains(t, pause(exitOK, "pause", "--list"), "sunoapi since ")
	var found strings.Builder
	_ = run([]string{"doctor", "--database-url", w.url, "--api-url", w.api.URL, "--api-key", "key-of-the-end-to-end-test"}, &found, &found)
	require.Contains(t, found.String(), "an operator has paused calls to sunoapi")

	_ = d.cmd.Process.Kill()
	<-d.done
	d = start(t, w.with(), "run")
	d.ready(t)
	w.outlive(t, 3*time.Second)
	require.Empty(t, w.front.times(id), "it survives a restart")

	require.Contains(t, pause(exitOK, "resume", "sunoapi"), "go on")
	w.complete(t, d, worldPatience, id)
	require.Contains(t, pause(exitOK, "resume"), "was not paused")
	require.Zero(t, d.stop(t), tail(d.output()))
}

// A running daemon sees a pause of all providers, and its end.
func TestPauseOfARunningDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	addr := d.ready(t)
	var out strings.Builder
	require.Equal(t, exitOK, run([]string{"pause", "--database-url", w.url}, &out, &out), out.String())
	paused := func(want string) func() bool {
		return func() bool {
			_, body := get(t, "http://"+addr+"/metrics")
			return strings.Contains(body, `tasksync_paused{provider="sunoapi"} `+want)
		}
	}
	w.await(t, d, "the daemon sees it", paused("1"))
	w.finish()
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.await(t, d, "the row is heard of", func() bool { return w.explain(t, id).Heard != nil })
	require.Empty(t, w.front.times(id))
	require.Equal(t, exitFailed, run([]string{"resume", "sunoapi", "--database-url", w.url}, &out, &out))
	require.Contains(t, out.String(), "all providers are paused")
	require.Equal(t, exitOK, run([]string{"resume", "--database-url", w.url}, &out, &out), out.String())
	w.await(t, d, "the daemon sees its end", paused("0"))
	w.finish()
	w.complete(t, d, worldPatience, id)
	require.Zero(t, d.stop(t), tail(d.output()))
}

package main

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// onlyJSON asserts that a process has written nothing else, so that what collects logs
// can read all of it.
func onlyJSON(t *testing.T, p *process) {
	t.Helper()
	for line := range strings.Lines(p.output()) {
		require.True(t, json.Valid([]byte(line)), line)
	}
}

// TestOnlyJSON: with a log of JSON, what a daemon says of a signal and of the error that
// ends it is JSON too.
func TestOnlyJSON(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"DATABASE_URL": postgrestest.URL(t), "TASKSYNC_API_KEY": "key", "TASKSYNC_LISTEN_ADDR": "127.0.0.1:0"}
	stopped := start(t, settings, "run")
	stopped.ready(t)
	require.Zero(t, stopped.stop(t), stopped.output())
	require.Contains(t, stopped.output(), syscall.SIGTERM.String())
	onlyJSON(t, stopped)

	settings["DATABASE_URL"] += "&sslmode=verify-full&sslrootcert=" + os.DevNull
	refused := start(t, settings, "run")
	select {
	case <-refused.done:
	case <-time.After(time.Minute):
		require.Fail(t, "it does not end", refused.output())
	}
	require.Error(t, refused.err)
	require.Contains(t, refused.output(), `"level":"ERROR"`)
	onlyJSON(t, refused)
}

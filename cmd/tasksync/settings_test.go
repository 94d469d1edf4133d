package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/daemon"
	"tasksync/feed"
	"tasksync/feed/wal"
	"tasksync/task"
)

// TestDefaults: the defaults and the choices that --help shows are those of the
// packages that own them.
func TestDefaults(t *testing.T) {
	t.Parallel()
	c := parsedRun(t)
	cfg, err := c.config(databaseFlags{"postgres://"})
	require.NoError(t, err)
	require.NoError(t, c.feed(&cfg))
	require.Equal(t, task.DefaultTimeout, cfg.Timeout)
	require.Equal(t, task.DefaultGrace, cfg.Grace)
	require.Equal(t, string(task.LateEvent), cfg.Late)
	require.Equal(t, daemon.Config{}.WithDefaults().Pace, cfg.Pace)
	require.Equal(t, task.DefaultPolicy().ProbeCDN, !cfg.NoCDNProbe)
	require.Equal(t, feed.Auto, cfg.Feed)
	require.Equal(t, feed.DefaultPollInterval, cfg.FeedPollInterval)
	require.EqualValues(t, wal.DefaultSlotLimit, cfg.SlotLimit)
	require.Equal(t, builtIn()[0].Name, cfg.Providers[0].Name)
	for field, choices := range map[string][]string{"Clips": daemon.ClipsModes(), "Late": daemon.LateModes(), "Pace": daemon.Paces(), "Feed": daemon.Feeds()} {
		f, ok := reflect.TypeFor[runCmd]().FieldByName(field)
		require.True(t, ok)
		require.ElementsMatch(t, choices, strings.Split(f.Tag.Get("enum"), ","))
	}
}

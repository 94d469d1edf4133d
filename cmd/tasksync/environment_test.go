package main

import (
	"os"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// commandLine returns the command line after it has been parsed, with the present environment.
func commandLine(t *testing.T, args []string) cli {
	t.Helper()
	var c cli
	parser, err := newParser(&c)
	require.NoError(t, err)
	_, err = parser.Parse(args)
	require.NoError(t, err)
	return c
}

// TestEmptyVariablesCountAsUnset, for each variable of each flag of each command.
func TestEmptyVariablesCountAsUnset(t *testing.T) { //nolint:paralleltest // it changes the environment
	var c cli
	parser, err := newParser(&c)
	require.NoError(t, err)
	names := map[string]bool{}
	require.NoError(t, kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			for _, name := range flag.Envs {
				names[name] = true
			}
		}
		return next(nil)
	}))
	require.Greater(t, len(names), 25)
	for name := range names { // t.Setenv puts back what is there now
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
	for _, args := range [][]string{
		{"run"}, {"sync", "id"}, {"retry", "id"}, {"doctor"}, {"migrate", "up"}, {"feed", "trigger", "on"}, {"demo"}, {"simulate"},
	} {
		want := commandLine(t, args)
		for name := range names {
			require.NoError(t, os.Setenv(name, "")) //nolint:usetesting // see above
			require.Equal(t, want, commandLine(t, args), name)
		}
		for name := range names {
			require.NoError(t, os.Setenv(name, "")) //nolint:usetesting // see above
		}
		require.Equal(t, want, commandLine(t, args))
	}
}

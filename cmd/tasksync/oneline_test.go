package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/daemon"
)

// What rows and providers hold cannot write to the terminal of who asks about them, nor forge a
// line or a column.
func TestRowsDoNotControlTheTerminal(t *testing.T) {
	t.Parallel()
	const hostile = "a\x1b[31m\x1b]0;title\a\u009bb\u202ec\td\ne"
	text, err := json.Marshal(hostile)
	require.NoError(t, err)
	s := &daemon.Story{ID: hostile, TaskID: hostile, Provider: hostile, Status: hostile, ErrorMessage: hostile, Advice: hostile, Why: hostile}
	require.NoError(t, json.Unmarshal([]byte(`{"timeline":[{"text":`+string(text)+`}]}`), s))
	var out strings.Builder
	std := &streams{out: &out, err: &out}
	require.NoError(t, printStory(&out, s))
	require.NoError(t, printPending(&out, []daemon.Waiting{{Status: hostile, TaskType: hostile, Why: hostile}}))
	require.NoError(t, printRows(std, []lsLine{{Status: hostile, TaskType: hostile, Provider: hostile, Why: hostile}, {ErrorCode: hostile, ErrorMessage: hostile}}))
	require.NotContains(t, out.String(), "\x1b")
	require.NotContains(t, out.String(), "\a")
	require.NotContains(t, out.String(), "\u009b")
	require.NotContains(t, out.String(), "\u202e")
	require.NotContains(t, out.String(), "\ne")
	require.Contains(t, out.String(), "c d e")
}

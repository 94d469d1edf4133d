//go:build chaos && sabotage

package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChaosFindsSabotage shows that TestChaos can fail: it does with each fault of
// daemon/sabotage.go, for the reason that belongs to it, and does not without one.
func TestChaosFindsSabotage(t *testing.T) {
	for kind, reason := range map[string]string{
		"":       "PASS",
		"clips":  "Not equal",
		"event":  "a row that has ended",
		"status": "wrong",
	} {
		t.Run(kind, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestChaos$", "-test.v")
			cmd.Env = append(os.Environ(), "SEED=1", "MINUTES=0.1", "TASKSYNC_SABOTAGE="+kind)
			out, err := cmd.CombinedOutput()
			require.Equal(t, kind == "", err == nil, tail(string(out)))
			require.Contains(t, string(out), reason)
		})
	}
}

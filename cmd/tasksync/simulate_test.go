package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

func TestLengthsOfSimulatedTasks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]simulator.Lengths{
		"":          {},
		"110s,0.35": {Median: 110 * time.Second, Sigma: 0.35},
		"2m,0":      {Median: 2 * time.Minute},
	} {
		got, err := parseLengths(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"110s", "110,0.35", "-1s,0.3", "0s,0.3", "110s,-1", "110s,NaN", "110s,11", "110s,0.3,1", ","} {
		_, err := parseLengths(text)
		require.ErrorContains(t, err, "--lengths", text)
	}
}

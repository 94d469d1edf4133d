package upstream

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func TestBlames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Prompt likely copyrighted":                             true,
		"The song id does not exist or has been taken offline.": true,
		"Unauthorized - Failed to fetch the audio file.":        true,
		"Prompt too long.":                                      false,
		"task not found":                                        false,
		"Insufficient credits":                                  false,
	} {
		require.Equal(t, want, Blames(Refusal(text)), text)
	}
	require.True(t, Blames(Permanent(task.Copyrighted, "a text of its own")))
	require.False(t, Blames(Permanent(task.InvalidRequest, "a text of its own")))
	require.False(t, Blames(Dead("Prompt likely copyrighted")))
	require.False(t, Blames(nil))
}

package jobs

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// A sweep names each odd word once, however often it runs, and one that comes later.
func TestSweepNamesOddWordsOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := time.Now()
	words, err := task.NewStatusWords(map[task.Status]string{task.Complete: "fertig"})
	require.NoError(t, err)
	client := b.newClient(func(c *Config) { c.Now, c.Words = func() time.Time { return now }, words })
	insert := func(words ...string) {
		b.exec(`INSERT INTO music_generations (task_type, status) SELECT 'generate', w FROM unnest($1::text[]) AS w`, words)
	}
	insert("rendering", "Rendering", "", "token=hunter2", "fertig", "completed", "PENDING")
	b.exec(`INSERT INTO music_generations (task_type, status) VALUES (NULL, 'draft')`)
	for range 5 {
		_, err := client.Sweep(t.Context(), 0)
		require.NoError(t, err)
		now = now.Add(oddWordsEvery)
	}
	insert("paused")
	for range 2 {
		now = now.Add(oddWordsEvery)
		_, err := client.Sweep(t.Context(), 0)
		require.NoError(t, err)
	}
	const said = "neither a pending row nor one that has ended"
	require.Equal(t, 4, strings.Count(b.log.String(), said), b.log)
	require.Contains(t, b.log.String(), "status=rendering rows=2")
	require.Contains(t, b.log.String(), "status=paused rows=1")
	require.NotContains(t, b.log.String(), "hunter2")
	require.NotContains(t, b.log.String(), "fertig")
}

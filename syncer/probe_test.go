package syncer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// The provider calls the task complete, but has no audio for one clip and does
// not mention the other. At the deadline both are probed: the second one when it
// is known that the first is not enough.
func TestWhatADeadlineNeedsIsProbedInTheSamePass(t *testing.T) {
	t.Parallel()
	told, silent := newUUID(), newUUID()
	var probed []string
	b := setup(t,
		answers(task.Observation{Status: task.Complete, Raw: "SUCCESS", Items: []task.Item{{ID: told, Title: "One"}}}),
		func(c *Config) {
			c.Prober = probeFunc(func(url string) task.Probe {
				probed = append(probed, url)
				return task.ProbeDead
			})
		})
	id := b.insert(task.Generate, "t", 8*time.Minute)
	for _, clip := range []string{told, silent} {
		b.exec(`INSERT INTO music_clips (generation_id, clip_id, status, stream_audio_url) VALUES ($1, $2, 'streaming', 'https://stream.example/x')`, id, clip)
	}
	b.sync(id)
	b.clock.advance(2*time.Minute + time.Second)
	r := b.syncOne(id)
	require.Equal(t, row{Status: "complete", Completed: true}, b.row(id), "%+v", r)
	require.Equal(t, []string{task.CDNURL(told), task.CDNURL(silent)}, probed)
}

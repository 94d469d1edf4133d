package syncer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/looks"
	"tasksync/task"
)

// A row that was retried, or got another task, begins a track of its own.
func TestATrackIsOfOneLifeOfOneTask(t *testing.T) {
	t.Parallel()
	all, now := newTracks(), time.Now()
	g := task.Generation{ID: "g", TaskID: "t"}
	old := looks.Track{}.Looked(400*time.Second, task.StagePreview).Looked(590*time.Second, task.StagePreview)
	all.put(g, old, now)
	require.Equal(t, old, all.latest(&member{g: g}, looks.Track{}, 600*time.Second))
	require.Zero(t, all.latest(&member{g: g}, looks.Track{}, 2*time.Second), "its time began anew")
	require.Zero(t, all.latest(&member{g: g}, old, 2*time.Second))
	g.TaskID = "another"
	require.Zero(t, all.latest(&member{g: g}, looks.Track{}, 600*time.Second))
	later := looks.Track{}.Looked(599*time.Second, task.StageSubmitted)
	require.Equal(t, later, all.latest(&member{g: g}, later, 600*time.Second))
}

package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

func TestSyncLooksAtPendingRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, taskID := b.insertReady(alice)
	r := b.post(alice, "")
	require.Equal(t, 1, *r.SyncedCount)
	require.Len(t, r.Generations, 1)
	g := r.Generations[0]
	require.Equal(t, []string{id, taskID, alice, "complete"}, []string{g.ID, g.TaskID, g.UserID, g.Status})
	require.Len(t, g.Clips, 2)
	require.NotEmpty(t, *g.Clips[0].AudioURL)
	require.Equal(t, "complete", b.status(id))

	var via string
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT via FROM tasksync.generation_events WHERE generation_id = $1`, id).Scan(&via))
	require.Equal(t, "request", via)
	var left int
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM tasksync.river_job`).Scan(&left))
	require.Zero(t, left, "a POST leaves no job behind")

	r = b.post(alice, "")
	require.Empty(t, r.Generations, "it is not pending any more")
	require.Zero(t, *r.SyncedCount)
	require.EqualValues(t, 1, b.sim.Requests().Total, "and costs no request")
}

func TestListOnlyReads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.insertReady(alice)
	a := b.call(http.MethodGet, syncPath, token(alice), "")
	require.Equal(t, http.StatusOK, a.status, a.body)
	var r rows
	a.decode(t, &r)
	require.Equal(t, 1, *r.Count)
	require.Nil(t, r.SyncedCount)
	require.Equal(t, id, r.Generations[0].ID)
	require.Equal(t, "submitted", r.Generations[0].Status)
	require.NotNil(t, r.Generations[0].Clips)
	require.Zero(t, b.sim.Requests().Total)
	require.Equal(t, "submitted", b.status(id))
}

func TestOnlyTheSubjectsRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine, myTask := b.insertReady(alice)
	theirs, theirTask := b.insertReady(bob)
	v1 := b.insert(alice, "", b.sim.Submit(task.Generate, simulator.Ready))
	_, other := b.insertReady(alice)

	r := b.post(alice, taskIDs(theirTask, "unknown", "", "nul\x00", theirs))
	require.Empty(t, r.Generations, "another user's rows by id: nothing")
	require.Zero(t, b.sim.Requests().Total)

	r = b.post(alice, taskIDs(myTask, theirTask, myTask))
	require.Len(t, r.Generations, 1)
	require.Equal(t, mine, r.Generations[0].ID)

	r = b.post(alice, "{}")
	require.Len(t, r.Generations, 1)
	require.Equal(t, other, r.Generations[0].TaskID)
	require.Equal(t, "submitted", b.status(theirs))
	require.Equal(t, "submitted", b.status(v1), "V1 rows are ignored")
}

// A row that moves to another user during the pass is not shown to the user who had
// it.
func TestRowThatChangesHands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.insertReady(alice)
	rows, err := b.api.rowsOf(t.Context(), alice, []string{id})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	_, err = b.pool.Exec(t.Context(), `UPDATE music_generations SET user_id = $1 WHERE id = $2`, bob, id)
	require.NoError(t, err)
	rows, err = b.api.rowsOf(t.Context(), alice, []string{id})
	require.NoError(t, err)
	require.Empty(t, rows)
}

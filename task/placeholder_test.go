package task

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPlaceholderNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		clipID   string
		position int
		ok       bool
	}{
		{"t-clip-1", 0, true},
		{"t-clip-2", 1, true},
		{"t-clip-0", -1, true}, // V1 counts from 1: no result's place, but no real id either
		{"t-extend-0", 0, true},
		{"t-lyrics-1", 1, true},
		{"t-generate-10", 10, true},
		{"t-replace-0", 0, true},
		{"t-merge-007", 7, true},
		{"t-extend-99999999999999999999", -1, true},
		{"-clip-1", 0, true},
		{"", -1, false},
		{idA, -1, false},
		{"t-extend-", -1, false},
		{"t-extend-0 ", -1, false},
		{"t-extend-0\n", -1, false},
		{"t-extend--1", -1, false},
		{"t-Extend-0", -1, false},
		{"t-cover-0", -1, false},
		{"t-clip-1-final", -1, false},
	} {
		position, ok := DefaultHandlers().PlaceholderNumber(c.clipID)
		require.Equal(t, c.ok, ok, c.clipID)
		require.Equal(t, c.position, position, c.clipID)
	}
}

// An id with the end of a placeholder is one, even if its number belongs to no
// result.
func TestAPlaceholderIsNoRealID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"t-clip-0", "t-extend-99999999999999999999", "t-lyrics-0"} {
		require.False(t, DefaultHandlers().isNamed(Clip{ClipID: id}), id)
		require.Empty(t, CDNURL(id), id)
	}
	require.False(t, DefaultHandlers().isNamed(Clip{}))
	require.True(t, DefaultHandlers().isNamed(Clip{ClipID: idA}))
}

func TestPlaceholderID(t *testing.T) {
	t.Parallel()
	for _, typ := range lifeTypes {
		position, ok := DefaultHandlers().PlaceholderNumber(PlaceholderID("t", typ, 3))
		require.True(t, ok)
		require.Equal(t, 3, position)
	}
	require.Equal(t, "t-lyrics-0", PlaceholderID("t", Lyrics, 0))
}

// A program may add types of any name. Their placeholders are filled by
// position, like those of the five.
func TestPlaceholdersOfAMadeUpType(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := Type(rapid.StringMatching(`[a-z][a-z0-9]{0,8}([-_][a-z0-9]{1,6}){0,2}`).Draw(t, "type"))
		taskID := rapid.StringMatching(`[a-zA-Z0-9]{1,6}(-[a-z0-9]{1,4}){0,2}`).Draw(t, "task")
		position := rapid.IntRange(0, 20).Draw(t, "position")
		hs := DefaultHandlers()
		hs[name] = Handler{Clips: 2}

		n, ok := hs.PlaceholderNumber(PlaceholderID(taskID, name, position))
		require.True(t, ok)
		require.Equal(t, position, n)

		w := newWorld(name, rows(PlaceholderID(taskID, name, 1), PlaceholderID(taskID, name, 0))...)
		w.policy.Handlers, w.g.TaskID = hs, taskID
		w.lookStrictly(t, saw(Complete, song(idA), song(idB)))
		require.Equal(t, Complete, w.g.Status)
		require.Len(t, w.clips, 2, "filled, not inserted beside them")
		require.Equal(t, "row1", w.clip(t, idA).ID)
		require.Equal(t, "row0", w.clip(t, idB).ID)
	})
}

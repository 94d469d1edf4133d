package task

import (
	"testing"

	"github.com/stretchr/testify/require"
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
		position, ok := PlaceholderNumber(c.clipID)
		require.Equal(t, c.ok, ok, c.clipID)
		require.Equal(t, c.position, position, c.clipID)
	}
}

// Whatever ends like a placeholder is one, even if its number is nobody's.
func TestAPlaceholderIsNoRealID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"t-clip-0", "t-extend-99999999999999999999", "t-lyrics-0"} {
		require.False(t, isNamed(Clip{ClipID: id}), id)
		require.Empty(t, CDNURL(id), id)
	}
	require.False(t, isNamed(Clip{}))
	require.True(t, isNamed(Clip{ClipID: idA}))
}

func TestPlaceholderID(t *testing.T) {
	t.Parallel()
	for _, typ := range lifeTypes {
		position, ok := PlaceholderNumber(PlaceholderID("t", typ, 3))
		require.True(t, ok)
		require.Equal(t, 3, position)
	}
	require.Equal(t, "t-lyrics-0", PlaceholderID("t", Lyrics, 0))
}

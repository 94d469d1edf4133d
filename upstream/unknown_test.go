package upstream

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

func TestUnknownStatusesAreCountedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, accept200)
	for range 3 {
		b.client.UnknownStatus("MASTERING")
		b.client.UnknownStatus("mixing")
	}
	require.Equal(t, 1, strings.Count(b.log.String(), "status=MASTERING"))
	require.Equal(t, 2, strings.Count(b.log.String(), "level=WARN"))
	require.Contains(t, b.log.String(), "provider=p")
	require.InDelta(t, 6, testutil.ToFloat64(b.client.metrics.unknown), 0)
	for i := range 1000 {
		b.client.UnknownStatus(fmt.Sprint("w", i))
	}
	require.Equal(t, 100, strings.Count(b.log.String(), "level=WARN"))
	require.InDelta(t, 1006, testutil.ToFloat64(b.client.metrics.unknown), 0)
	problems, err := testutil.GatherAndLint(b.reg)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// TestStatusWordShowsNoPartOfTheKey has the key where the word is cut.
func TestStatusWordShowsNoPartOfTheKey(t *testing.T) {
	t.Parallel()
	b := setup(t, accept200)
	for n := range 70 {
		word := strings.Repeat("x", n) + testKey
		for _, got := range []string{b.client.StatusWord(word), b.client.StatusWord(b.client.StatusWord(word))} {
			require.LessOrEqual(t, len(got), maxStatusWord)
			require.NotContains(t, got, testKey[:3])
		}
		b.client.UnknownStatus(word)
	}
	require.NotContains(t, b.log.String(), testKey[:3])
	require.Equal(t, strings.Repeat("ü", 32), b.client.StatusWord(strings.Repeat("ü", 40)))
	require.Equal(t, "x"+strings.Repeat("ü", 31), b.client.StatusWord("x"+strings.Repeat("ü", 40)), "no half of a letter")
}

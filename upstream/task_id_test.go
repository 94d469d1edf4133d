package upstream

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTaskID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"t1": true, "a&b=c/ü": true, "..": true, "\u00a0t1\n": true, strings.Repeat("x", maxTaskID): true,
		"": false, " ": false, strings.Repeat("x", maxTaskID+1): false, "a\nb": false, "\x00": false, "\xff": false,
	} {
		clean, ok := TaskID(id)
		require.Equal(t, want, ok, "%q", id)
		require.Equal(t, strings.TrimSpace(id), clean)
		require.Equal(t, want, GoodTaskID(id), "%q", id)
	}
}

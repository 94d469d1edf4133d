package upstream

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGoodTaskID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"t1": true, "a&b=c/ü": true, " ": true, "..": true, strings.Repeat("x", maxTaskID): true,
		"": false, strings.Repeat("x", maxTaskID+1): false, "a\nb": false, "\x00": false, "\xff": false,
	} {
		require.Equal(t, want, GoodTaskID(id), "%q", id)
	}
}

package syncer

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Keys that rows can make without end silence the others for a while only.
func TestSeldomHasRoomAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for again, want := range map[time.Duration]bool{0: false, time.Minute: true} {
		s := seldom{again: again}
		for i := range 2 * maxSeldom {
			require.Equal(t, i < maxSeldom, s.first(fmt.Sprint(i), now))
		}
		require.False(t, s.first("another", now))
		require.Equal(t, want, s.first("another", now.Add(time.Minute)))
	}
}

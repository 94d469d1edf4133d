package recent

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Many keys silence other keys, but with Again only for that long.
func TestSeldomHasRoomAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for again, want := range map[time.Duration]bool{0: false, time.Minute: true} {
		s := Seldom{Again: again}
		for i := range 2 * maxSeldom {
			require.Equal(t, i < maxSeldom, s.First(fmt.Sprint(i), now))
		}
		require.False(t, s.First("another", now))
		require.Equal(t, want, s.First("another", now.Add(time.Minute)))
	}
}

package recent

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCountedSaysHowManyWereLeftOut(t *testing.T) {
	t.Parallel()
	c := Counted{Seldom: Seldom{Again: time.Minute}}
	now := time.Now()
	for range 3 { // minutes
		for i := range 60 {
			left, ok := c.First("a", now)
			require.Equal(t, i == 0, ok)
			require.True(t, !ok && left == 0 || ok && (left == 0 || left == 59), left)
			now = now.Add(time.Second)
		}
	}
	left, ok := c.First("a", now)
	require.True(t, ok)
	require.Equal(t, 59, left)
	left, ok = c.First("b", now)
	require.True(t, ok)
	require.Zero(t, left)
	for i := range 10 * maxSeldom {
		c.First(strconv.Itoa(i), now)
		c.First(strconv.Itoa(i), now)
	}
	require.LessOrEqual(t, len(c.left), maxSeldom)
}

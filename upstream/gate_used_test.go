package upstream

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGateKnowsWhatWasUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(3, 10*time.Second, 16)
		require.Zero(t, g.used())
		for range 2 {
			s, err := g.enter(t.Context(), func() error { return nil })
			require.NoError(t, err)
			g.leave(s)
		}
		require.Equal(t, 2, g.used())
		timer := time.NewTimer(11 * time.Second)
		<-timer.C
		require.Zero(t, g.used())
	})
}

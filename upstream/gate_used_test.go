package upstream

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tasksync/task"

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

// A share that is small for a moment puts no row off for minutes; what the provider
// has said does.
func TestTurnedAwayCallersComeBackSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(20, 10*time.Second, 100)
		g.shareOut(1, time.Now().Add(time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		for range 30 {
			go func() { _, _ = enter(ctx, g) }()
		}
		synctest.Wait()
		turnedAway := func() time.Duration {
			soon, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := enter(soon, g)
			var f *task.Failure
			require.ErrorAs(t, err, &f)
			return f.RetryAfter
		}
		require.LessOrEqual(t, turnedAway(), longestTurn)
		g.close(time.Now().Add(time.Minute))
		require.Greater(t, turnedAway(), 50*time.Second)
		cancel()
		synctest.Wait()
	})
}

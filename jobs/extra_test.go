package jobs

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"
)

// The upkeep of extra kinds is done by the runs of expire, once a minute, and the trouble
// of one keeps none of the others from it.
func TestUpkeepOfExtraKinds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now, calls := time.Now(), 0
	errUpkeep := errors.New("upkeep")
	add := func(*river.Workers) {}
	client := b.newClient(func(c *Config) {
		c.Now = func() time.Time { return now }
		c.Extras = []Extra{
			{Add: add, Upkeep: func(context.Context) error { return errUpkeep }},
			{Add: add},
			{Add: add, Upkeep: func(context.Context) error { calls++; return nil }},
		}
	})
	w := &expireWorker{syncer: b.syncer, queries: client.queries, client: client}
	require.ErrorIs(t, w.Work(t.Context(), &river.Job[ExpireArgs]{}), errUpkeep)
	require.NoError(t, w.Work(t.Context(), &river.Job[ExpireArgs]{}))
	require.Equal(t, 1, calls)
	now = now.Add(upkeepEvery)
	require.ErrorIs(t, w.Work(t.Context(), &river.Job[ExpireArgs]{}), errUpkeep)
	require.Equal(t, 2, calls)
}

package syncer

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// What a look found was true when its call was sent, after the wait for a slot.
func TestALookCountsFromWhenItWasSent(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(&still{reply: func(task.Ref) (task.Observation, bool) {
		return task.Observation{Status: task.Processing, Waited: 40 * time.Second}, true
	}}))
	got := b.syncOne(b.insert(task.Generate, "waits", time.Minute))
	require.InDelta(t, 100, float64(got.Track.Last)/1000, 5)
}

// The grace of a row begins with a look at that row. A failure that one row's
// call brought for all rows does not begin it for rows whose calls were not
// made.
func TestTheGraceOfARowBeginsWithItsOwnLook(t *testing.T) {
	t.Parallel()
	for name, why := range map[string]*task.Failure{
		"rate": {Verdict: task.Transient, Reason: "rate_limited"}, "account": {Verdict: task.Account, Reason: "credits"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, upstreamIs(fetchFunc(func(context.Context, []task.Ref) ([]task.Observation, error) {
				return nil, fmt.Errorf("fetch: %w", &task.PartError{Err: why, Asked: map[string]bool{"first": true}})
			})))
			first, second := b.insert(task.Merge, "first", time.Hour), b.insert(task.Merge, "second", time.Hour)
			b.sync(first, second)
			var asked []string
			require.NoError(t, b.pool.QueryRow(t.Context(),
				`SELECT array_agg(generation_id::text) FROM tasksync.generation_memory WHERE asked_at IS NOT NULL`).Scan(&asked))
			require.Equal(t, []string{first}, asked)
		})
	}
}

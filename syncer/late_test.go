package syncer

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// All looks for a late result are made, the last one as well as the first.
func TestEveryLateLookIsMade(t *testing.T) {
	t.Parallel()
	asked := 0
	b := setup(t, upstreamIs(fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
		asked++
		return []task.Observation{{TaskID: refs[0].TaskID, Status: task.Processing}}, nil
	})))
	id := b.insert(task.Merge, "t", 10*time.Minute)
	b.sync(id)
	for range 30 * 60 {
		b.clock.advance(time.Minute)
		b.late()
	}
	require.Equal(t, 1+5, asked)
	require.Zero(t, b.memories())
}

// What rejects a late result is logged once, and tried again seldom.
func TestALateResultIsRejected(t *testing.T) {
	t.Parallel()
	asked := 0
	b := setup(t, func(c *Config) { c.Policy.Late = task.LateComplete }, upstreamIs(&still{}))
	id := b.insert(task.Merge, "t", 10*time.Minute)
	b.sync(id)
	b.exec(`CREATE FUNCTION final() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a failed row stays failed'; END $$`)
	b.exec(`CREATE TRIGGER final BEFORE UPDATE ON music_generations FOR EACH ROW WHEN (OLD.status = 'failed') EXECUTE FUNCTION final()`)
	b.syncer.sources[""].upstream = fetchFunc(func(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
		asked++
		return allDone(ctx, refs)
	})
	for range 30 * 60 {
		b.clock.advance(time.Minute)
		b.late()
	}
	require.Less(t, asked, 40)
	require.LessOrEqual(t, strings.Count(b.log.String(), "level=ERROR"), asked)
	require.Equal(t, "failed", b.row(id).Status)
	require.Zero(t, b.memories())
}

// A row that is put back under way while a late look is made keeps its deadline.
func TestARetryDuringALateLook(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(&still{}))
	id := b.insert(task.Merge, "t", 10*time.Minute)
	b.sync(id)
	b.clock.advance(2 * time.Minute)
	b.syncer.sources[""].upstream = fetchFunc(func(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
		n, err := b.syncer.Retry(ctx, RetryRequest{IDs: []string{id}}, nil)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		return []task.Observation{{TaskID: refs[0].TaskID, Status: task.Processing}}, nil
	})
	require.Equal(t, 1, b.late())
	b.syncer.sources[""].upstream = &still{}
	b.clock.advance(time.Minute)
	b.sync(id)
	require.Equal(t, "processing", b.row(id).Status)
}

// Two daemons look at the same row at once: that is one look.
func TestTwoLateLooksAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(&still{}))
	id := b.insert(task.Merge, "t", 10*time.Minute)
	b.sync(id)
	b.clock.advance(2 * time.Minute)
	asked := 0
	b.syncer.sources[""].upstream = fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
		if asked++; asked == 1 {
			require.Zero(t, b.late())
		}
		return []task.Observation{{TaskID: refs[0].TaskID, Status: task.Processing}}, nil
	})
	require.Equal(t, 1, b.late())
	require.Equal(t, 1, asked)
	var looks int
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT late_looks FROM tasksync.generation_memory WHERE generation_id = $1`, id).Scan(&looks))
	require.Equal(t, 1, looks)
}

// The application may give a row a provider that is not configured after the row was
// chosen for a look: that row is not asked for.
func TestFetchLeavesOutUnknownProviders(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	gone := &member{g: task.Generation{ID: newUUID(), TaskID: "t", Type: task.Merge, Provider: "gone"}}
	known := &member{g: task.Generation{ID: newUUID(), TaskID: "t", Type: task.Merge}}
	b.syncer.fetch(t.Context(), Request{Lane: task.LaneBacklog}, []*member{gone, known})
	require.Zero(t, gone.seen)
	require.False(t, gone.answered)
	require.True(t, known.answered)
}

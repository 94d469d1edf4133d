package syncer

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// underWay answers that the tasks are under way, and counts calls and refs.
func underWay(calls, asked *atomic.Int64) func(*Config) {
	return upstreamIs(fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
		calls.Add(1)
		asked.Add(int64(len(refs)))
		out := make([]task.Observation, len(refs))
		for i, r := range refs {
			out[i] = task.Observation{TaskID: r.TaskID, Status: task.Processing, Raw: "PENDING"}
		}
		return out, nil
	}))
}

// The job of a row with a younger twin waits without a call; that of the twin looks at
// both. Whoever asks for the older row gets an answer.
func TestTheYoungestTwinLeads(t *testing.T) {
	t.Parallel()
	var calls, asked atomic.Int64
	b := setup(t, underWay(&calls, &asked))
	old, young := b.insert(task.Generate, "t", time.Minute), b.insert(task.Generate, "t", 0)
	otherType, otherTask := b.insert(task.Lyrics, "t", time.Hour/10), b.insert(task.Generate, "u", time.Hour/10)
	b.exec(`INSERT INTO music_generations (task_id, task_type, status) VALUES ('t', 'generate', 'complete'), ('t', NULL, 'submitted')`)

	results, err := b.syncer.Sync(t.Context(), Request{IDs: []string{old}, LeaveTwins: true})
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.Equal(t, ReasonTwin, results[0].Reason)
	require.True(t, results[0].Next.After(b.clock.now()))
	require.Zero(t, calls.Load())
	require.Equal(t, "submitted", b.row(old).Status)

	results, err = b.syncer.Sync(t.Context(), Request{IDs: []string{young}, LeaveTwins: true})
	require.NoError(t, err)
	require.Len(t, results, 1, "the results are those of the request")
	require.EqualValues(t, 1, asked.Load())
	require.Equal(t, "processing", b.row(old).Status)
	require.Equal(t, "processing", b.row(young).Status)
	require.Equal(t, "submitted", b.row(otherType).Status)
	require.Equal(t, "submitted", b.row(otherTask).Status)

	_, err = b.syncer.Sync(t.Context(), Request{IDs: []string{old}, Via: ViaRequest})
	require.NoError(t, err)
	require.EqualValues(t, 2, asked.Load(), "a user's wish is a look at both, at once")
}

// A twin past its deadline shares the call of the one that is not, and ends by its
// answer.
func TestATwinPastItsDeadline(t *testing.T) {
	t.Parallel()
	var calls, asked atomic.Int64
	b := setup(t, underWay(&calls, &asked))
	overdue, young := b.insert(task.Generate, "t", 20*time.Minute), b.insert(task.Generate, "t", 0)
	_, err := b.syncer.Sync(t.Context(), Request{IDs: []string{young}, LeaveTwins: true, LeaveOverdue: true})
	require.NoError(t, err)
	require.EqualValues(t, 1, calls.Load())
	require.Equal(t, "failed", b.row(overdue).Status)
	require.Equal(t, "processing", b.row(young).Status)
}

// Twins are one task: their end teaches once.
func TestTwinsTeachOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	first := b.insert(task.Generate, "t", time.Minute)
	b.insert(task.Generate, "t", time.Minute)
	b.insert(task.Generate, "t", time.Minute)
	b.sync(first)
	var complete int
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM music_generations WHERE status = 'complete'`).Scan(&complete))
	require.Equal(t, 3, complete)
	families, err := b.reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "tasksync_generation_looks" {
			require.EqualValues(t, 1, f.GetMetric()[0].GetHistogram().GetSampleCount())
			return
		}
	}
	t.Fatal("no metric")
}

// Tasks of two providers may have one id: they are two tasks, in whatever words the rows
// name the provider, and the rows of a type that nobody knows are none of theirs.
func TestManyTwinsAtTwoProviders(t *testing.T) {
	t.Parallel()
	var here, there atomic.Int64
	counted := func(n *atomic.Int64) fetchFunc {
		return func(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
			n.Add(int64(len(refs)))
			return allDone(ctx, refs)
		}
	}
	b := setup(t, func(c *Config) {
		c.Upstreams = map[string]Upstream{"": counted(&here), "kie": counted(&there)}
		c.Providers = task.ProviderWords{"": "", "kie": "kie", "kie.ai": "kie"}
	})
	b.exec(`INSERT INTO music_generations (task_id, task_type, provider, created_at)
		SELECT 't', 'generate', w, now() - n * interval '1 second'
		FROM generate_series(1, 250) AS n, unnest(ARRAY[NULL, 'kie', ' KIE.ai ', 'unknown']) AS w`)
	b.exec(`INSERT INTO music_generations (task_id, task_type, created_at) VALUES ('t', 'remix', now())`)
	ended := func(where string) (n int) {
		require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM music_generations WHERE status = 'complete' AND `+where).Scan(&n))
		return n
	}
	one := func(where string) (id string) {
		require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT id FROM music_generations WHERE task_type = 'generate' AND `+where+` ORDER BY created_at LIMIT 1`).Scan(&id))
		return id
	}
	require.Equal(t, task.OutcomeSynced, b.syncOne(one(`provider = 'kie'`)).Outcome)
	require.EqualValues(t, 1, there.Load())
	require.Zero(t, here.Load())
	require.Equal(t, 500, ended(`provider IN ('kie', ' KIE.ai ')`))
	require.Equal(t, 500, ended(`true`))
	require.Equal(t, task.Complete, b.syncOne(one(`provider IS NULL`)).NewStatus)
	require.EqualValues(t, 1, here.Load())
	require.Equal(t, 750, ended(`true`))
}

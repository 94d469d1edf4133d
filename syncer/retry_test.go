package syncer

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// A row that a trigger holds back hurts only itself.
func TestRetryLeavesOutRejectedRows(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(&still{}))
	var ids []string
	for _, code := range []string{"API_ERROR", "KEEP", "API_ERROR"} {
		id := b.insert(task.Merge, "t", time.Hour)
		b.exec(`UPDATE music_generations SET status = 'failed', error_code = $2 WHERE id = $1`, id, code)
		ids = append(ids, id)
	}
	b.exec(`CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept'; END $$`)
	b.exec(`CREATE TRIGGER keep BEFORE UPDATE ON music_generations FOR EACH ROW WHEN (OLD.error_code = 'KEEP') EXECUTE FUNCTION keep()`)
	n, err := b.syncer.Retry(t.Context(), RetryRequest{IDs: ids}, nil)
	require.ErrorContains(t, err, "kept")
	require.Equal(t, 2, n)
	for i, want := range []string{"submitted", "failed", "submitted"} {
		require.Equal(t, want, b.row(ids[i]).Status)
	}
}

// What the application wrote over a value of tasksync's stays after a retry, too.
func TestRetryKeepsTheApplicationsValues(t *testing.T) {
	t.Parallel()
	clip := newUUID()
	obs := task.Observation{Status: task.Processing, Items: []task.Item{{ID: clip, Status: task.Processing, Title: "Theirs"}}}
	b := setup(t, upstreamIs(fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
		seen := obs
		seen.TaskID = refs[0].TaskID
		return []task.Observation{seen}, nil
	})), func(c *Config) { c.Prober = probeFunc(func(string) task.Probe { return task.ProbeDead }) })
	id := b.insert(task.Merge, "t", 0)
	b.sync(id)
	b.exec(`UPDATE music_clips SET title = 'Ours'`)
	b.clock.advance(11 * time.Minute)
	b.sync(id)
	require.Equal(t, "failed", b.row(id).Status)
	n, err := b.syncer.Retry(t.Context(), RetryRequest{IDs: []string{id}}, nil)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	obs = task.Observation{Status: task.Complete, Items: []task.Item{item(clip, "Theirs")}}
	b.sync(id)
	require.Equal(t, "complete", b.row(id).Status)
	require.Equal(t, "Ours", b.clips(id)[clip].Title)
}

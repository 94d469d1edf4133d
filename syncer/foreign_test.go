package syncer

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/queries"
	"tasksync/task"
)

// Tables that were there before tasksync have columns without NOT NULL. A row
// full of NULLs does not hurt other rows.
func TestForeignRowsHurtOnlyThemselves(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	for _, sql := range []string{
		`ALTER TABLE music_generations ALTER created_at DROP NOT NULL, ALTER updated_at DROP NOT NULL, ALTER status DROP NOT NULL`,
		`ALTER TABLE music_clips ALTER clip_id DROP NOT NULL, ALTER status DROP NOT NULL`,
	} {
		b.exec(sql)
	}
	ids := b.cohort(0, "no clip id", "no clip status", "no status", "infinite", "no time", "good")
	b.exec(`INSERT INTO music_clips (generation_id, clip_id, status) VALUES ($1, NULL, 'submitted'), ($2, 'x-merge-0', NULL)`, ids[0], ids[1])
	b.exec(`UPDATE music_generations SET status = NULL WHERE id = $1`, ids[2])
	b.exec(`UPDATE music_generations SET created_at = '-infinity' WHERE id = $1`, ids[3])
	b.exec(`UPDATE music_generations SET created_at = NULL WHERE id = $1`, ids[4])
	results := b.sync(ids...)
	require.Len(t, results, len(ids))
	for i, r := range results {
		want := task.Complete
		if i == 2 { // not pending
			want = ""
		}
		require.Equal(t, want, r.NewStatus, "%d: %+v", i, r)
	}
	b.exec(`UPDATE music_generations SET status = 'submitted', created_at = NULL, updated_at = NULL WHERE id = $1`, ids[4])
	b.syncOne(ids[4])
	require.Equal(t, "complete", b.row(ids[4]).Status)
}

// An infinite or missing time counts in the statistics as it does for the
// deadline, and spoils them for no other row.
func TestTimesThatAreNoneAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`ALTER TABLE music_generations ALTER created_at DROP NOT NULL, ALTER updated_at DROP NOT NULL`)
	b.exec(`INSERT INTO music_generations (user_id, task_id, task_type, created_at, updated_at)
		SELECT gen_random_uuid(), 't', 'merge', u.at, u.at FROM unnest('{NULL,-infinity,infinity,4713-01-01 BC,2026-01-01}'::timestamptz[]) AS u (at)`)
	pending, err := b.syncer.queries.GenerationPendingStats(t.Context(), b.pool, nil)
	require.NoError(t, err)
	require.EqualValues(t, 5, pending[0].Pending)
	require.Greater(t, pending[0].OldestSeconds, 3600.0)
	overdue, err := b.syncer.queries.MemoryOverdueStats(t.Context(), b.pool, queries.MemoryOverdueStatsParams{
		TaskTypes: []string{"merge"}, Providers: []string{""}, Before: b.clock.now(),
	})
	require.NoError(t, err)
	require.Equal(t, []queries.MemoryOverdueStatsRow{{Reason: "backlog", Overdue: 5}}, overdue)
}

// The application gives a row another task while the old one is asked for: the
// answer about the old one is not written.
func TestAnswerAboutAnotherTaskIsNotWritten(t *testing.T) {
	t.Parallel()
	var b *bundle
	b = setup(t, upstreamIs(fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
		if refs[0].TaskID == "first" {
			b.exec(`UPDATE music_generations SET task_id = 'second'`)
			return []task.Observation{{TaskID: "first", Status: task.Failed, Failure: &task.Failure{Verdict: task.TaskDead, Message: "the first task died"}}}, nil
		}
		return allDone(context.Background(), refs)
	})))
	id := b.insert(task.Merge, "first", time.Minute)
	r := b.syncOne(id)
	require.Equal(t, Result{ID: id, Outcome: task.OutcomeSkipped, Reason: ReasonNotDue, Next: b.clock.now()}, r)
	require.Equal(t, "submitted", b.row(id).Status)
	require.Empty(t, b.events(id))
	require.Equal(t, task.Complete, b.syncOne(id).NewStatus)
}

// A change of a clip that the application has not committed yet is not undone.
func TestApplicationsChangeOfAClipStays(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	id := b.insert(task.Merge, "t", 0)
	b.exec(`INSERT INTO music_clips (generation_id, clip_id) VALUES ($1, 't-merge-0')`, id)
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `UPDATE music_clips SET video_url = 'https://video.example/v.mp4' WHERE generation_id = $1`, id)
	require.NoError(t, err)
	ended := make(chan Result)
	go func() { ended <- b.syncOne(id) }()
	require.Eventually(t, func() bool {
		var waiting int
		err := b.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted`).Scan(&waiting)
		return err == nil && waiting > 0
	}, 20*time.Second, time.Millisecond)
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, task.Complete, (<-ended).NewStatus)
	for _, c := range b.clips(id) {
		require.Equal(t, "https://video.example/v.mp4", c.VideoURL)
	}
}

// A trigger that swallows an update leaves the row as it is, and no event says
// otherwise.
func TestSwallowedUpdateIsAFailure(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	b.exec(`CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`)
	b.exec(`CREATE TRIGGER swallow BEFORE UPDATE ON music_generations FOR EACH ROW WHEN (OLD.task_id = 'bad') EXECUTE FUNCTION public.swallow()`)
	ids := b.cohort(0, "bad", "good")
	results := b.sync(ids...)
	require.Equal(t, ReasonClipsUpdateFailed, results[0].Reason)
	require.Equal(t, task.Complete, results[1].NewStatus)
	require.Empty(t, b.events(ids[0]))
	require.Equal(t, "submitted", b.row(ids[0]).Status)
}

// A trigger that swallows new clips loses what was paid for, so the row waits.
func TestSwallowedClipsAreAFailure(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	b.exec(`CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`)
	b.exec(`CREATE TRIGGER swallow BEFORE INSERT ON music_clips FOR EACH ROW WHEN (NEW.clip_id = 'clip-of-bad') EXECUTE FUNCTION public.swallow()`)
	ids := b.cohort(time.Hour, "bad", "good")
	results := b.sync(ids...)
	require.Equal(t, ReasonClipsUpdateFailed, results[0].Reason)
	require.Equal(t, task.Complete, results[1].NewStatus)
	require.Empty(t, b.events(ids[0]))
	require.Equal(t, "submitted", b.row(ids[0]).Status)

	b.exec(`DROP TRIGGER swallow ON music_clips`)
	require.Equal(t, task.Complete, b.syncOne(ids[0]).NewStatus)
	require.Len(t, b.clips(ids[0]), 1)
}

// Row level security that shows rows, but lets no session write them, is logged
// like any other rejection. Otherwise the rows would be asked for again and
// again, in silence.
func TestRowSecurityIsARejection(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	id := b.insert(task.Merge, "t", time.Hour)
	b.exec(`ALTER TABLE music_generations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`)
	b.exec(`CREATE POLICY see ON music_generations FOR SELECT USING (true)`)
	require.Equal(t, ReasonClipsUpdateFailed, b.syncOne(id).Reason)
	require.Contains(t, b.log.String(), "is there a trigger or a row security policy?")
	b.exec(`ALTER TABLE music_generations DISABLE ROW LEVEL SECURITY`)
	require.Equal(t, task.Complete, b.syncOne(id).NewStatus)
}

// The same, when another row of the cohort is rejected, so that each row is
// committed a second time, alone.
func TestAnswerAboutAnotherTaskIsNotWrittenAlone(t *testing.T) {
	t.Parallel()
	var b *bundle
	b = setup(t, upstreamIs(fetchFunc(func(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
		b.exec(`UPDATE music_generations SET task_id = 'second' WHERE task_id = 'first'`)
		out, _ := allDone(ctx, refs)
		for i := range out {
			if out[i].TaskID == "first" {
				out[i] = task.Observation{TaskID: "first", Status: task.Failed, Failure: &task.Failure{Verdict: task.TaskDead, Message: "the first task died"}}
			}
		}
		return out, nil
	})))
	b.rejectClips("title of bad")
	ids := b.cohort(0, "first", "bad", "good")
	results := b.sync(ids...)
	require.Equal(t, Result{ID: ids[0], Outcome: task.OutcomeSkipped, Reason: ReasonNotDue, Next: b.clock.now()}, results[0])
	require.Equal(t, ReasonClipsUpdateFailed, results[1].Reason)
	require.Equal(t, task.Complete, results[2].NewStatus)
	require.Equal(t, row{Status: "submitted"}, b.row(ids[0]))
	require.Empty(t, b.events(ids[0]))
}

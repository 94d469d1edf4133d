package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// victims makes rows as an older version left them: failed by the deadline. said is the
// provider's word in the event; empty: there was none.
func (w *world) victims(t *testing.T, n int, said string) []string {
	t.Helper()
	tasks := w.add(t, n, simulator.Success, time.Hour)
	w.exec(t, `INSERT INTO music_clips (generation_id, clip_id, status)
		SELECT id, task_id || '-generate-' || n, 'failed' FROM music_generations, generate_series(0, 1) AS n WHERE task_id = ANY ($1)`, tasks)
	w.exec(t, `INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via, upstream_status)
		SELECT id, user_id, 'submitted', 'failed', 'timeout', nullif($2::text, '') FROM music_generations WHERE task_id = ANY ($1)`, tasks, said)
	w.exec(t, `UPDATE music_generations SET status = 'failed', error_code = 'API_ERROR', error_message = 'Task timed out after 10 minutes.', completed_at = now()
		WHERE task_id = ANY ($1)`, tasks)
	return tasks
}

// Rows that failed without an answer are found, made pending again and completed;
// rows that their provider answered for stay as they are.
func TestVictimsAreRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	unasked, asked := w.victims(t, 450, ""), w.victims(t, 3, "PENDING")
	refused := w.victims(t, 2, "")
	w.exec(t, `UPDATE music_generations SET error_code = 'COPYRIGHTED', error_message = 'Prompt likely copyrighted' WHERE task_id = ANY ($1)`, refused)
	w.finish()
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	d.ready(t)
	retry := func(args ...string) string {
		var out, errOut strings.Builder
		require.Equal(t, exitOK, run(append([]string{"retry", "--database-url", w.url}, args...), &out, &errOut), errOut.String())
		return out.String()
	}
	require.Contains(t, retry("--unasked", "--dry-run"), "450 ")
	require.Equal(t, 455, w.failed(t), "a dry run changes nothing")
	require.Contains(t, retry("--unasked"), "450 ")
	w.complete(t, d, worldPatience, unasked...)
	require.Equal(t, 5, w.failed(t), w.standing(t))
	require.Equal(t, 900, w.count(t, `SELECT count(*) FROM music_clips AS c JOIN music_generations AS g ON g.id = c.generation_id
		WHERE g.status = 'complete' AND c.status = 'complete' AND c.audio_url IS NOT NULL AND c.clip_id NOT LIKE '%-generate-%'`))
	require.Equal(t, 450, w.count(t, `SELECT count(*) FROM tasksync.generation_events WHERE via = 'retry' AND from_status = 'failed'`))
	require.Contains(t, retry("--unasked", "--dry-run"), "0 ", "they are victims no more")
	require.Empty(t, w.front.times(asked[0]))
	require.Zero(t, d.stop(t), tail(d.output()))
}

// A row that is retried while its task is still under way has all of its time again,
// and fails at its deadline again; then --unasked does not select it.
func TestRetriedRowFailsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	id := w.victims(t, 1, "")[0]
	d := start(t, w.with(), "run")
	d.ready(t)
	var out strings.Builder
	for range 2 { // a user is impatient
		require.Equal(t, exitOK, run([]string{"retry", "--database-url", w.url, "--code", "API_ERROR"}, &out, &out), out.String())
	}
	began := time.Now()
	w.await(t, d, "it has failed again", func() bool { return w.failed(t) == 1 })
	require.Greater(t, time.Since(began), shortTimeout-2*time.Second, "it had its time")
	require.GreaterOrEqual(t, len(w.front.times(id)), 3)
	out.Reset()
	require.Equal(t, exitOK, run([]string{"retry", "--database-url", w.url, "--unasked", "--dry-run"}, &out, &out))
	require.Contains(t, out.String(), "0 ", "its provider was asked")
	w.finish()
	w.await(t, d, "its result is noticed", func() bool { return w.lateEvents(t) == 1 })
	require.Zero(t, d.stop(t), tail(d.output()))
}

// An operator sees how many rows are past their deadline, and why.
func TestOverdueRowsShow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.exec(t, rejections[2].breaks)
	d := start(t, w.with(), "run")
	addr := d.ready(t)
	unstored := w.add(t, 2, simulator.Ready, 0)
	w.asked(t, d, 1, unstored...)
	unasked := w.add(t, 3, simulator.Success, 0)
	w.front.answers(about(unasked, always(says(503, `<html>down</html>`))))
	w.await(t, d, "metrics tell of both", func() bool {
		_, metrics := get(t, "http://"+addr+"/metrics")
		return strings.Contains(metrics, `tasksync_overdue_generations{reason="commit_refused"} 2`) &&
			strings.Contains(metrics, `tasksync_overdue_generations{reason="http_5xx"} 3`) &&
			!strings.Contains(metrics, `tasksync_commits_refused_total 0`)
	})
	var out, errOut strings.Builder
	run([]string{"doctor", "--database-url", w.url, "--api-key", "k", "--api-url", w.api.URL, "--timeout", shortTimeout.String()}, &out, &errOut)
	require.Contains(t, out.String(), "clips_are_short")
	require.Contains(t, out.String(), "http_5xx 3")
	w.front.answers(nil)
	w.finish()
	w.exec(t, rejections[2].mends)
	w.complete(t, d, worldPatience, append(unstored, unasked...)...)
	w.ended(t, d)
}

package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// twins inserts rows with one task in one transaction; it returns the task's id.
func (w *world) twins(t *testing.T, n int, secondsAgo int) string {
	t.Helper()
	id := w.sim.Submit(task.Generate, simulator.Success)
	w.insertTwins(t, id, n, secondsAgo)
	return id
}

func (w *world) insertTwins(t *testing.T, id string, n, secondsAgo int) {
	t.Helper()
	w.exec(t, `INSERT INTO music_generations (user_id, task_id, task_type, created_at)
		SELECT gen_random_uuid(), $1, 'generate', clock_timestamp() - make_interval(secs => $3) FROM generate_series(1, $2::int)`, id, n, secondsAgo)
}

// endedBy waits until n rows have ended and their jobs too, and fails if the task was
// asked for more than calls times by then.
func (w *world) endedBy(t *testing.T, d *process, id string, n, calls int) {
	t.Helper()
	w.await(t, d, "all twins have ended", func() bool {
		return w.count(t, `SELECT count(*) FROM music_generations WHERE status IN ('complete', 'failed')`) == n
	})
	require.Len(t, w.front.times(id), calls, "the calls for the task")
	require.Equal(t, n, w.count(t, `SELECT count(*) FROM tasksync.generation_events WHERE to_status IN ('complete', 'failed')`), "one end of each row")
}

// However many rows have a task, and in whatever jobs of whatever daemon they are, a
// look at it is one call, and the answer is in all of them at once.
func TestAThousandRowsWithOneTask(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	const token = "webhook-token-of-the-test"
	settings := w.with("TASKSYNC_TIMEOUT", "10h", "TASKSYNC_POLL_INTERVAL", "1h", "TASKSYNC_WEBHOOK_TOKEN", token)
	first, second := start(t, settings, "run"), start(t, settings, "run")
	first.ready(t)
	second.ready(t)
	id := w.sim.Submit(task.Generate, simulator.Success)
	w.advance(60 * time.Second) // a preview
	w.insertTwins(t, id, 1000, 0)
	w.await(t, first, "all of them show the preview", func() bool {
		return w.count(t, `SELECT count(*) FROM music_clips WHERE stream_audio_url <> ''`) == 2000
	})
	require.Len(t, w.front.times(id), 1, "the first look")

	w.finish()
	addr := regexp.MustCompile(`"listen_addr":"([^"]+)"`).FindStringSubmatch(first.output())
	require.NotEmpty(t, addr)
	r, err := http.Post("http://"+addr[1]+"/webhooks/sunoapi/"+token, "application/json", strings.NewReader(`{"data":{"task_id":"`+id+`"}}`))
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusOK, r.StatusCode)
	w.endedBy(t, first, id, 1000, 2)
	require.Equal(t, 1000, w.count(t, `SELECT count(*) FROM music_generations WHERE status = 'complete'`))
	require.Equal(t, 2000, w.count(t, `SELECT count(*) FROM music_clips WHERE status = 'complete' AND audio_url <> ''`))
	require.Zero(t, first.stop(t), tail(first.output()))
	require.Zero(t, second.stop(t), tail(second.output()))
}

// Rows that come after their task has ended, or that have waited for a daemon past
// their deadline, are no more calls.
func TestAThousandRowsAfterTheirTask(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	old := w.twins(t, 1000, 7200)
	w.finish()
	settings := w.with("TASKSYNC_TIMEOUT", "1h", "TASKSYNC_POLL_INTERVAL", "50m")
	first, second := start(t, settings, "run"), start(t, settings, "run")
	first.ready(t)
	second.ready(t)
	w.endedBy(t, first, old, 1000, 1)
	young := w.sim.Submit(task.Generate, simulator.Success)
	w.finish()
	w.insertTwins(t, young, 1000, 0)
	w.endedBy(t, first, young, 2000, 1)
	require.Equal(t, 2000, w.count(t, `SELECT count(*) FROM music_generations WHERE status = 'complete'`))
	w.await(t, first, "their jobs have ended, without a call", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.river_job WHERE kind = 'sync' AND state NOT IN ('completed', 'cancelled', 'discarded') AND scheduled_at < now() + interval '10 minutes'`) == 0
	})
	require.Len(t, w.front.times(old), 1)
	require.Len(t, w.front.times(young), 1)
	require.Zero(t, first.stop(t), tail(first.output()))
	require.Zero(t, second.stop(t), tail(second.output()))
}

// A clip_id may stand in the table once: the oldest row has the clips, and every other
// one names it.
func TestManyRowsWithOneTaskAndAUniqueClipID(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.exec(t, `CREATE UNIQUE INDEX one_clip_each ON music_clips (clip_id)`)
	id := w.twins(t, 1, 60)
	w.insertTwins(t, id, 299, 0)
	w.finish()
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10h", "TASKSYNC_POLL_INTERVAL", "1h"), "run")
	d.ready(t)
	w.endedBy(t, d, id, 300, 1)
	// A row whose type is another one has the same clips, too.
	w.exec(t, `INSERT INTO music_generations (task_id, task_type, provider) SELECT task_id, 'extend', 'sunoapi' FROM music_generations LIMIT 1`)
	w.await(t, d, "the row of another type ends", func() bool {
		return w.count(t, `SELECT count(*) FROM music_generations WHERE status = 'failed'`) == 300
	})
	require.Equal(t, 300, w.count(t, `SELECT count(*) FROM music_generations AS f
		JOIN (SELECT id FROM music_generations ORDER BY created_at LIMIT 1) AS oldest
		ON f.error_message = 'The results of this task are in row ' || oldest.id || ': it has the same task_id, and music_clips permits each clip_id once.'
		WHERE f.status = 'failed' AND f.error_code = 'API_ERROR'`), w.standing(t))
	require.Equal(t, 2, w.count(t, `SELECT count(*) FROM music_clips WHERE status = 'complete'`))
	require.Empty(t, d.loud("rejects results"), tail(d.output()))
	require.Zero(t, d.stop(t), tail(d.output()))
}

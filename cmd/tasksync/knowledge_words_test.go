package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// statusWords are the words of an application that permits three.
const statusWords = "submitted:pending,queued:pending,processing:pending,streaming:pending,complete:completed,failed:error"

// permitWords gives both tables the CHECKs of such an application.
func (w *world) permitWords(t *testing.T) {
	t.Helper()
	for _, table := range []string{"music_generations", "music_clips"} {
		w.exec(t, `ALTER TABLE `+table+` ALTER status SET DEFAULT 'pending', ADD CONSTRAINT three_words CHECK (status IN ('pending', 'completed', 'error'))`)
	}
}

// put inserts the row of a task, with a status and a provider.
func (w *world) put(t *testing.T, fate simulator.Fate, status, provider string) (taskID string) {
	t.Helper()
	taskID = w.sim.Submit(task.Generate, fate)
	w.exec(t, `INSERT INTO music_generations (task_id, task_type, status, provider) VALUES ($1, 'generate', $2, nullif($3, ''))`, taskID, status, provider)
	return taskID
}

// Rows and clips begin and end in the application's words: at once, by a late result,
// and again after a retry.
func TestWordsOfTheApplication(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.permitWords(t)
	settings := w.with("TASKSYNC_STATUS_WORDS", statusWords, "TASKSYNC_LATE", "complete")
	d := start(t, settings, "run")
	d.ready(t)
	ready := w.put(t, simulator.Ready, "pending", "")
	refused := w.put(t, simulator.RefusedCopyright, "pending", "")
	slow := w.put(t, simulator.Success, "pending", "")
	w.await(t, d, "one is complete, and one has failed at its deadline", func() bool {
		return w.of(t, ready).Status == "completed" && w.of(t, slow).Status == "error"
	})
	w.finish()
	w.await(t, d, "all have ended", func() bool { return w.of(t, slow).Status == "completed" && w.of(t, refused).Status == "error" })
	require.Equal(t, 1, w.lateEvents(t))
	require.Equal(t, 4, w.count(t, `SELECT count(*) FROM music_clips WHERE status = 'completed' AND audio_url IS NOT NULL`))
	require.Equal(t, 3, w.count(t, `SELECT count(DISTINCT generation_id) FROM tasksync.generation_events WHERE to_status IN ('complete', 'failed')`))
	require.Zero(t, d.stop(t), tail(d.output()))
	require.NotContains(t, d.output(), `"level":"ERROR"`)

	var out, errOut bytes.Buffer
	run([]string{"retry", "--database-url", w.url, "--status-words", statusWords, w.of(t, refused).ID}, &out, &errOut)
	require.Contains(t, out.String(), "1 failed rows are pending again", errOut.String())
	require.Equal(t, "pending", w.of(t, refused).Status)
	d = start(t, settings, "run")
	d.ready(t)
	w.await(t, d, "it fails again", func() bool { return w.of(t, refused).Status == "error" })
	require.Zero(t, d.stop(t), tail(d.output()))
}

// Statuses that nobody understands are named: by the metric, the doctor and the log.
// Those that mean a pending row, in whatever case, are followed.
func TestNoStatusIsSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.exec(t, `ALTER TABLE music_generations ALTER status SET DEFAULT 'draft'`)
	var pending []string
	for _, word := range []string{"pending", "SUBMITTED", "Queued", "created", "NEW", "waiting", "IN_PROGRESS", "Running", "generating"} {
		pending = append(pending, w.put(t, simulator.Ready, word, ""))
	}
	for _, word := range []string{"", "  ", "draft", "Draft", "completed", "Error", "cancelled"} {
		w.put(t, simulator.Ready, word, "")
	}
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	addr := d.ready(t)
	w.await(t, d, "the pending ones are complete", func() bool {
		return w.count(t, `SELECT count(*) FROM music_generations WHERE status = 'complete' AND task_id = ANY ($1)`, pending) == len(pending)
	})
	w.await(t, d, "the sweep has named the others", func() bool { return strings.Count(d.output(), "neither a pending row nor") == 3 })
	_, metrics := get(t, "http://"+addr+"/metrics")
	require.Contains(t, metrics, `tasksync_ignored_generations{reason="status_word"} 4`)
	require.Equal(t, 4, w.count(t, `SELECT count(*) FROM music_generations WHERE lower(btrim(status)) IN ('', 'draft')`), "they stay as they are")
	var out, errOut bytes.Buffer
	run([]string{"doctor", "--database-url", w.url, "--api-key", "k", "--api-url", w.api.URL}, &out, &errOut)
	for _, want := range []string{
		`warn status words: 2 rows with status "draft"`, `1 row with status ""`, `1 row with status "  "`, "TASKSYNC_STATUS_WORDS",
		`warn status default: column status of music_generations has the default "draft"`, "ALTER TABLE public.music_generations ALTER COLUMN status SET DEFAULT 'submitted'",
	} {
		require.Contains(t, out.String(), want)
	}
	require.NotContains(t, out.String(), "cancelled")
	w.exec(t, `ALTER TABLE music_generations ALTER COLUMN status SET DEFAULT 'submitted'`) // what it says
	out.Reset()
	run([]string{"doctor", "--database-url", w.url, "--api-key", "k", "--api-url", w.api.URL}, &out, &errOut)
	require.NotContains(t, out.String(), "status default")
	require.Zero(t, d.stop(t), tail(d.output()))
}

// A daemon that would follow no row, because all name another provider, says so and
// does not start. With the right provider it does.
func TestProviderThatIsNotConfigured(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kie")
	id := w.put(t, simulator.Ready, "pending", "KIE.ai")
	d := start(t, w.with("TASKSYNC_PROVIDER", "sunoapi"), "run")
	<-d.done
	require.Equal(t, exitFailed, d.cmd.ProcessState.ExitCode())
	require.Contains(t, unquoted(d.output()), `all 1 pending rows name providers that are not configured ("KIE.ai": 1)`)
	require.Contains(t, d.output(), "set TASKSYNC_PROVIDER or TASKSYNC_PROVIDERS")
	d = start(t, w.with(), "run")
	d.ready(t)
	w.await(t, d, "it is complete", func() bool { return w.of(t, id).Status == "complete" })
	require.Zero(t, d.stop(t), tail(d.output()))
}

func TestWrongStatusWords(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"completed":            "TASKSYNC_STATUS_WORDS: \"completed\" is not a pair like complete:completed",
		"processing:rendering": "TASKSYNC_STATUS_WORDS give processing the word \"rendering\"; a pending row needs one of created,",
		"complete:pending":     "TASKSYNC_STATUS_WORDS give complete the word \"pending\", which means a pending row",
	} {
		for _, command := range [][]string{
			{"run", "--api-key", "k"}, {"doctor", "--api-key", "k"}, {"sync", "x", "--api-key", "k"}, {"retry", "7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11"},
		} {
			var out, errOut bytes.Buffer
			code := run(append(command, "--database-url", "postgres://u@127.0.0.1:1/x", "--status-words", words), &out, &errOut)
			require.NotZero(t, code)
			require.Contains(t, unquoted(out.String()+errOut.String()), want, command)
		}
	}
}

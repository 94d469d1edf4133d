package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// Rows from before are archived by a command, which shows what it would do, goes on after an
// interruption, and asks the provider for files that are gone.
func TestBackfill(t *testing.T) {
	t.Parallel()
	w := newArchiveWorld(t, "sunoapi", 0)
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	d.ready(t)
	tasks := w.add(t, 12, simulator.Success, 0)
	w.finish()
	w.complete(t, d, worldPatience, tasks...)
	require.Zero(t, d.stop(t), d.last())
	require.Zero(t, w.count(t, `SELECT (SELECT count(*) FROM tasksync.archived_files) + (SELECT count(*) FROM tasksync.river_job WHERE kind = 'archive')
		+ (SELECT count(*) FROM tasksync.river_queue WHERE name = 'archive')`), "it is off")

	settings := w.archiving("TASKSYNC_ARCHIVE_FILES", "audio")
	host := strings.Split(w.api.Listener.Addr().String(), ":")[0]
	code, out := runCommand(t, settings, "archive", "--backfill", "--since", "1h", "--dry-run")
	require.Zero(t, code, out)
	require.Regexp(t, fmt.Sprintf(`audio +%s +24`, host), out)
	require.Zero(t, w.count(t, `SELECT count(*) FROM tasksync.archived_files`))
	code, out = runCommand(t, settings, "archive", "--backfill", "--since", "1h", "--host", "elsewhere.example")
	require.Zero(t, code, out)
	require.Zero(t, w.count(t, `SELECT count(*) FROM tasksync.archived_files`))

	stuck := make(chan struct{}, 100)
	w.s3.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && w.s3.Requests(http.MethodPut) > 8 {
			stuck <- struct{}{}
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return true
		}
		return false
	})
	p := start(t, settings, "archive", "--backfill", "--since", "1h")
	<-stuck
	require.NoError(t, p.cmd.Process.Kill())
	<-p.done
	w.s3.Answer(nil)
	lost := tasks[len(tasks)-1]
	for _, clip := range w.clipsOf(lost) {
		w.sim.ScriptMedia(simulator.MediaAudio, clip, simulator.MediaGone, simulator.MediaAlways)
	}
	w.exec(t, `UPDATE tasksync.archived_files SET bytes = NULL, state = 'pending' WHERE clip_id = ANY ($1)`, w.clipsOf(lost))
	w.exec(t, `UPDATE music_clips SET audio_url = $2 || clip_id || '.mp3' WHERE clip_id = ANY ($1)`, w.clipsOf(lost), w.api.URL+"/simulator/audio/")
	w.exec(t, `DELETE FROM tasksync.archived_files WHERE clip_id = ANY ($1)`, w.clipsOf(lost))
	for range 5 { // attempts that lie hours apart
		// A quarter of an hour later. A claim that the killed run had sent may come after its end.
		w.exec(t, `UPDATE tasksync.archived_files SET claimed_until = now() - interval '1 second' WHERE claim IS NOT NULL`)
		code, out = runCommand(t, settings, "archive", "--backfill", "--since", "1h")
		require.Zero(t, code, out)
		w.hurry(t)
	}
	require.Contains(t, out, "12 of 12 rows")
	for _, id := range tasks {
		require.True(t, w.isArchived(t, 2, id), "%s: %+v", id, w.archived(t, id))
	}
	for _, f := range w.archived(t, lost) {
		data, _ := fetchFile(t, f.InRow)
		require.Contains(t, string(data), f.ClipID)
	}
	for _, id := range tasks[:len(tasks)-1] {
		w.verifyFiles(t, id)
	}
	code, out = runCommand(t, settings, "archive")
	require.Zero(t, code, out)
	require.Regexp(t, `archived +audio +24 `, out)
}

// A folder that a web server serves will do, and two daemons copy nothing twice.
func TestFolderArchive(t *testing.T) {
	t.Parallel()
	w := newArchiveWorld(t, "sunoapi", 6<<20)
	dir := t.TempDir()
	public := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(public.Close)
	settings := w.archiving("TASKSYNC_ARCHIVE", "file://"+dir+"?public_url="+public.URL, "TASKSYNC_ARCHIVE_KEY", "{provider}/{generation_id}-{clip_id}.{ext}")
	d, other := start(t, settings, "run"), start(t, settings, "run")
	d.ready(t)
	other.ready(t)
	tasks := w.add(t, 5, simulator.Success, 0)
	w.finish()
	for _, id := range tasks {
		w.await(t, d, "files are archived", func() bool { return w.isArchived(t, 4, id) })
		for _, f := range w.archived(t, id) {
			require.True(t, strings.HasPrefix(f.InRow, public.URL+"/sunoapi/"+f.GenerationID+"-"+f.ClipID+"."), f.InRow)
			own, _ := fetchFile(t, f.InRow)
			theirs, _ := fetchFile(t, f.SourceURL)
			require.Equal(t, theirs, own)
			require.EqualValues(t, 1, f.Attempts)
		}
		for _, clip := range w.clipsOf(id) {
			require.Equal(t, 2, w.sim.MediaRequests(simulator.MediaAudio, clip), "the daemons' request, and the one of this test")
		}
	}
	require.Zero(t, d.stop(t), d.last())
	require.Zero(t, other.stop(t), other.last())
}

// Settings that cannot work are refused with what to do.
func TestArchiveSettings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		settings map[string]string
		args     []string
		want     string
	}{
		"no public address": {map[string]string{"TASKSYNC_ARCHIVE": "s3://songs"}, []string{"run"}, "TASKSYNC_ARCHIVE needs public_url"},
		"a kind":            {map[string]string{"TASKSYNC_ARCHIVE": "s3://songs?public_url=https://x.example", "TASKSYNC_ARCHIVE_FILES": "lyrics"}, []string{"run"}, "TASKSYNC_ARCHIVE_FILES: "},
		"a template":        {map[string]string{"TASKSYNC_ARCHIVE": "s3://songs?public_url=https://x.example", "TASKSYNC_ARCHIVE_KEY": "{clip_id}"}, []string{"run"}, "TASKSYNC_ARCHIVE_KEY: the key lacks"},
		"none":              {nil, []string{"archive", "--backfill"}, "TASKSYNC_ARCHIVE is not set"},
		"a time":            {nil, []string{"archive", "--backfill", "--since", "soon"}, `--since "soon"`},
		"not backfill":      {nil, []string{"archive", "--dry-run"}, "give it, too"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := map[string]string{"DATABASE_URL": "postgres://127.0.0.1:1/none", "TASKSYNC_API_KEY": "a-key"}
			for k, v := range tc.settings {
				settings[k] = v
			}
			code, out := runCommand(t, settings, tc.args...)
			require.Equal(t, exitUsage, code, out)
			require.Contains(t, out, tc.want)
		})
	}
}

// Two rows of one task have the same clips, and copies of their own. The application's
// servers are told of each.
func TestTwinsAreArchivedEach(t *testing.T) {
	t.Parallel()
	w := newArchiveWorld(t, "sunoapi", 0)
	d := start(t, w.archiving("TASKSYNC_NOTIFY_URL", "http://127.0.0.1:9/told", "TASKSYNC_NOTIFY_SECRET", "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32))), "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.exec(t, `INSERT INTO music_generations (user_id, task_id, task_type, status) VALUES (gen_random_uuid(), $1, 'generate', 'submitted')`, id)
	w.finish()
	w.await(t, d, "both rows are archived", func() bool { return w.isArchived(t, 8, id) })
	w.verifyFiles(t, id)
	require.Len(t, w.s3.Keys(t), 8)
	require.Equal(t, 2, w.count(t, `SELECT count(DISTINCT generation_id) FROM tasksync.notifications WHERE type = 'generation.archived'`))
	require.Zero(t, d.stop(t), d.last())
}

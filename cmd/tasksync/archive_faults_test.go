package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/archive/archivetest"
	"tasksync/internal/simulator"
)

// What a provider sends in place of a file is never stored: the row keeps the provider's URL
// until the file comes. A file is named by what it is.
func TestBadFilesAreNotArchived(t *testing.T) {
	t.Parallel()
	w := newArchiveWorld(t, "sunoapi", 0)
	d := start(t, w.archiving("TASKSYNC_ARCHIVE_FILES", "audio"), "run")
	d.ready(t)
	faults := map[simulator.MediaFault]string{
		simulator.MediaXML: "xml", simulator.MediaHTML: "html", simulator.MediaEmpty: "empty", simulator.MediaCut: "cut",
		simulator.MediaPrivate: "address_not_public", simulator.MediaGone: "gone", simulator.MediaDenied: "denied", simulator.MediaBroken: "http_5xx",
	}
	tasks := map[simulator.MediaFault]string{}
	for f := range faults {
		tasks[f] = w.add(t, 1, simulator.Success, 0)[0]
		for _, clip := range w.clipsOf(tasks[f]) {
			w.sim.ScriptMedia(simulator.MediaAudio, clip, f, simulator.MediaAlways)
		}
	}
	named := w.add(t, 1, simulator.Success, 0)[0]
	slow := w.add(t, 1, simulator.Success, 0)[0]
	for _, clip := range w.clipsOf(named) {
		w.sim.ScriptMedia(simulator.MediaAudio, clip, simulator.MediaM4A)
	}
	for _, clip := range w.clipsOf(slow) {
		w.sim.ScriptMedia(simulator.MediaAudio, clip, simulator.MediaSlow)
	}
	w.finish()
	for _, id := range []string{named, slow} {
		w.await(t, d, "good files are archived", func() bool { return w.isArchived(t, 2, id) })
	}
	for _, f := range w.archived(t, named) {
		require.True(t, strings.HasSuffix(f.InRow, ".m4a"), "it was called mp3: %s", f.InRow)
	}
	for f, word := range faults {
		w.await(t, d, "the attempt failed", func() bool {
			files := w.archived(t, tasks[f])
			return len(files) == 2 && files[0].Error == word && files[1].Error == word
		})
		for _, file := range w.archived(t, tasks[f]) {
			require.Equal(t, "pending", file.State)
			require.Equal(t, file.SourceURL, file.InRow)
		}
		require.Equal(t, "complete", w.of(t, tasks[f]).Status)
		for _, clip := range w.clipsOf(tasks[f]) {
			w.sim.ScriptMedia(simulator.MediaAudio, clip)
		}
	}
	require.Len(t, w.s3.Keys(t), 4, "nothing else is stored")
	w.hurry(t)
	for _, id := range tasks {
		w.await(t, d, "the file came", func() bool { return w.isArchived(t, 2, id) })
		w.verifyFiles(t, id)
	}
	require.Zero(t, d.stop(t), d.last())
}

// What the application does while a file is copied counts: its own URL stays, a row that it
// deleted leaves no object, and a row that it reopened is archived when it ends again.
func TestApplicationWinsOverArchive(t *testing.T) {
	t.Parallel()
	w := newArchiveWorld(t, "sunoapi", 0)
	held, release := make(chan struct{}, 100), make(chan struct{})
	w.s3.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			held <- struct{}{}
			<-release
		}
		return false
	})
	d := start(t, w.archiving("TASKSYNC_ARCHIVE_FILES", "audio"), "run")
	d.ready(t)
	tasks := w.add(t, 3, simulator.Success, 0)
	w.finish()
	for range tasks {
		<-held
	}
	own, gone, reopened := tasks[0], tasks[1], tasks[2]
	clip := w.clipsOf(own)[0]
	w.exec(t, `UPDATE music_clips SET audio_url = 'https://app.example/mine.mp3' WHERE clip_id = $1`, clip)
	w.exec(t, `DELETE FROM music_clips WHERE generation_id = (SELECT id FROM music_generations WHERE task_id = $1)`, gone)
	w.exec(t, `DELETE FROM music_generations WHERE task_id = $1`, gone)
	w.exec(t, `UPDATE music_generations SET status = 'on_hold' WHERE task_id = $1`, reopened)
	close(release)
	w.s3.Answer(nil)
	w.await(t, d, "the files are dealt with", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.archived_files WHERE state = 'pending'`) == 0
	})
	for _, f := range w.archived(t, own) {
		if f.ClipID == clip {
			require.Equal(t, "superseded", f.State)
			require.Equal(t, "https://app.example/mine.mp3", f.InRow)
			continue
		}
		require.Equal(t, "archived", f.State)
	}
	require.Equal(t, 2, w.count(t, `SELECT count(*) FROM tasksync.archived_files WHERE state = 'removed'`))
	for _, key := range w.s3.Keys(t) {
		for _, clip := range w.clipsOf(gone) {
			require.NotContains(t, key, clip)
		}
	}
	for _, f := range w.archived(t, reopened) {
		require.Equal(t, f.SourceURL, f.InRow)
	}
	require.Equal(t, "on_hold", w.of(t, reopened).Status)
	puts := w.s3.Requests(http.MethodPut)
	code, out := runCommand(t, w.archiving("TASKSYNC_ARCHIVE_FILES", "audio"), "archive", "--backfill")
	require.Zero(t, code, out)
	for _, f := range w.archived(t, own) {
		require.True(t, f.ClipID != clip || f.State == "superseded" && f.InRow == "https://app.example/mine.mp3", "%+v", f)
	}
	w.exec(t, `UPDATE music_generations SET status = 'processing', completed_at = NULL WHERE task_id = $1`, reopened)
	w.await(t, d, "it is archived after its second end", func() bool { return w.isArchived(t, 2, reopened) })
	w.verifyFiles(t, reopened)
	require.Equal(t, puts, w.s3.Requests(http.MethodPut), "its copies were there")
	require.Zero(t, d.stop(t), d.last())
}

// A bucket that is away delays no row and makes no daemon unready. When the provider is about
// to delete the files there is an alarm; once the bucket is back they are copied.
func TestBucketIsAway(t *testing.T) {
	t.Parallel()
	w := newArchiveWorld(t, "sunoapi", 0)
	w.s3.Answer(func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusForbidden)
		return true
	})
	settings := w.archiving()
	d := start(t, settings, "run")
	admin := d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.finish()
	w.await(t, d, "the attempts failed", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.archived_files WHERE error = 'store'`) == 4
	})
	require.Equal(t, "complete", w.of(t, id).Status)
	status, text := get(t, "http://"+admin+"/readyz")
	require.Equal(t, http.StatusOK, status, text)

	w.exec(t, `UPDATE tasksync.archived_files SET ended_at = now() - interval '12 days', created_at = now() - interval '12 days'`)
	w.hurry(t)
	w.await(t, d, "the alarm", func() bool {
		_, metrics := get(t, "http://"+admin+"/metrics")
		return strings.Contains(metrics, "\ntasksync_archive_endangered 4\n") && strings.Contains(d.output(), "the provider deletes it soon")
	})
	code, out := runCommand(t, settings, "doctor")
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "FAIL archive: an object cannot be stored")
	require.Contains(t, out, "4 files are not archived, and the provider deletes them soon")
	w.s3.Answer(nil)
	w.hurry(t)
	w.await(t, d, "the files are archived", func() bool { return w.isArchived(t, 4, id) })
	w.verifyFiles(t, id)
	code, out = runCommand(t, settings, "doctor")
	require.Zero(t, code, out)
	require.Contains(t, out, "ok   archive: s3://songs/music stores, serves and removes objects")
	require.Zero(t, d.stop(t), d.last())
}

// A public_url that does not serve the files must not replace URLs that play.
func TestWrongPublicURLReplacesNothing(t *testing.T) {
	t.Parallel()
	w := newArchiveWorld(t, "sunoapi", 0)
	wrong := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(wrong.Close)
	address := "s3://" + archivetest.Bucket + "/music?endpoint=" + w.s3.URL + "&public_url=" + wrong.URL
	settings := w.archiving("TASKSYNC_ARCHIVE", address)
	d := start(t, settings, "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.finish()
	w.await(t, d, "the attempts failed", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.archived_files WHERE error = 'public_url_unreadable'`) == 4
	})
	for _, f := range w.archived(t, id) {
		require.Equal(t, f.SourceURL, f.InRow)
	}
	code, out := runCommand(t, settings, "doctor")
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "does not serve what was stored")
	require.Zero(t, d.stop(t), d.last())
	puts := w.s3.Requests(http.MethodPut)
	d = start(t, w.archiving(), "run")
	d.ready(t)
	w.hurry(t)
	w.await(t, d, "the files are archived", func() bool { return w.isArchived(t, 4, id) })
	w.verifyFiles(t, id)
	require.Equal(t, puts, w.s3.Requests(http.MethodPut))
	require.Zero(t, d.stop(t), d.last())
}

// A database that rejects the own URL keeps the provider's, and delays nothing else.
func TestDatabaseRefusesOwnURLs(t *testing.T) {
	t.Parallel()
	w := newArchiveWorld(t, "sunoapi", 0)
	w.exec(t, `ALTER TABLE music_clips ADD CONSTRAINT theirs CHECK (audio_url NOT LIKE '%/songs/music/%')`)
	d := start(t, w.archiving("TASKSYNC_ARCHIVE_FILES", "audio"), "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.finish()
	w.await(t, d, "the database refuses", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.archived_files WHERE error = 'database_refused'`) == 2
	})
	require.Equal(t, "complete", w.of(t, id).Status)
	require.Contains(t, d.output(), `violates check constraint \"theirs\"`)
	w.exec(t, `ALTER TABLE music_clips DROP CONSTRAINT theirs`)
	w.hurry(t)
	w.await(t, d, "the files are archived", func() bool { return w.isArchived(t, 2, id) })
	w.verifyFiles(t, id)
	require.Equal(t, 2, w.s3.Requests(http.MethodPut))
	require.Zero(t, d.stop(t), d.last())
}

// A file that is planned anew while it is copied, because its row ended again, is another
// run's. The other files of the row do not wait for the end of the first run's claim.
func TestFilePlannedAnewHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newArchiveWorld(t, "sunoapi", 0)
	held, release := make(chan struct{}, 100), make(chan struct{})
	w.s3.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			held <- struct{}{}
			<-release
		}
		return false
	})
	d := start(t, w.archiving(), "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.finish()
	<-held
	w.exec(t, `UPDATE tasksync.archived_files SET claim = NULL, claimed_job = NULL, claimed_until = NULL
		WHERE (clip_id, kind) = (SELECT clip_id, kind FROM tasksync.archived_files WHERE claim IS NOT NULL ORDER BY clip_id, kind LIMIT 1)`)
	require.Equal(t, 3, w.count(t, `SELECT count(*) FROM tasksync.archived_files WHERE claim IS NOT NULL`))
	w.s3.Answer(nil)
	close(release)
	w.await(t, d, "all files are archived", func() bool { return w.isArchived(t, 4, id) })
	w.verifyFiles(t, id)
	require.Zero(t, d.stop(t), d.last())
}

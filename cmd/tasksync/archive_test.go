package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/archive/archivetest"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
)

// archiveWorld is a world whose upstream hands out files, and a bucket.
type archiveWorld struct {
	*world
	s3 *archivetest.Server
}

const archiveSecret = "secret-of-the-archive"

func newArchiveWorld(t *testing.T, provider string, audioSize int) *archiveWorld {
	t.Helper()
	w := &archiveWorld{world: &world{e2e: &e2e{provider: provider, seed: worldSeed, url: postgrestest.URL(t), rows: map[string]string{}}}, s3: archivetest.New(t)}
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.pool = pool
	w.serveFiles(t, audioSize)
	return w
}

// serveFiles starts the upstream.
func (w *archiveWorld) serveFiles(t *testing.T, audioSize int) {
	t.Helper()
	w.api = httptest.NewUnstartedServer(nil)
	began := time.Now()
	w.sim = simulator.New(simulator.Config{
		Provider: w.provider, Seed: w.seed, AudioSize: audioSize, SlowDelay: 100 * time.Millisecond, MediaURL: "http://" + w.api.Listener.Addr().String(),
		Now: func() time.Time { return began.Add(time.Duration(w.ahead.Load())) },
	})
	w.front = newFront(w.sim)
	w.api.Config.Handler = w.front
	w.api.Start()
	t.Cleanup(func() {
		w.sim.Close()
		w.api.Close()
	})
}

// archiving returns the settings of a daemon that archives, and further ones.
func (w *archiveWorld) archiving(nameValue ...string) map[string]string {
	return w.with(append([]string{
		"TASKSYNC_ARCHIVE", w.s3.Archive("music"), "AWS_ACCESS_KEY_ID", "key-of-the-archive", "AWS_SECRET_ACCESS_KEY", archiveSecret,
		"TASKSYNC_TIMEOUT", "10m",
	}, nameValue...)...)
}

// archivedFile is a file as the table, the row and the application see it.
type archivedFile struct {
	GenerationID, UserID, ClipID, Kind, SourceURL, State, Error string
	Key, SHA256                                                 string
	Bytes, Attempts                                             int64
	InRow                                                       string // the column of the clip
}

func (w *archiveWorld) archived(t *testing.T, taskID string) []archivedFile {
	t.Helper()
	return collect[archivedFile](t, w.pool, `SELECT f.generation_id::text, g.user_id::text, f.clip_id, f.kind, f.source_url, f.state, coalesce(f.error, ''), coalesce(f.key, ''),
			coalesce(f.sha256, ''), coalesce(f.bytes, 0), f.attempts::bigint,
			coalesce(CASE f.kind WHEN 'audio' THEN c.audio_url WHEN 'image' THEN c.image_url ELSE c.video_url END, '')
		FROM tasksync.archived_files AS f JOIN music_generations AS g ON g.id = f.generation_id JOIN music_clips AS c ON c.generation_id = g.id AND c.clip_id = f.clip_id
		WHERE g.task_id = $1 ORDER BY f.clip_id, f.kind`, taskID)
}

// isArchived reports whether all files of a task are; there are n.
func (w *archiveWorld) isArchived(t *testing.T, n int, taskID string) bool {
	t.Helper()
	files := w.archived(t, taskID)
	for _, f := range files {
		if f.State != "archived" {
			return false
		}
	}
	return len(files) == n
}

// verifyFiles compares the own URLs with what the provider has.
func (w *archiveWorld) verifyFiles(t *testing.T, taskID string) {
	t.Helper()
	for _, f := range w.archived(t, taskID) {
		require.Equal(t, w.s3.Public("music")+"/"+f.Key, f.InRow)
		require.True(t, strings.HasPrefix(f.Key, f.UserID+"/"+f.GenerationID+"/"+f.ClipID+"."), f.Key)
		require.True(t, strings.HasPrefix(f.SourceURL, w.api.URL), f.SourceURL)
		own, contentType := fetchFile(t, f.InRow)
		sum := sha256.Sum256(own)
		require.Equal(t, hex.EncodeToString(sum[:]), f.SHA256)
		require.EqualValues(t, len(own), f.Bytes)
		require.Equal(t, map[string]string{"audio": "audio/mpeg", "image": "image/jpeg", "video": "video/mp4"}[f.Kind], contentType)
		theirs, _ := fetchFile(t, f.SourceURL)
		require.Equal(t, theirs, own)
	}
}

func fetchFile(t *testing.T, url string) (body []byte, contentType string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, string(body[:min(len(body), 200)]))
	return body, resp.Header.Get("Content-Type")
}

// clipsOf returns the provider's ids of a task's clips.
func (w *archiveWorld) clipsOf(taskID string) (ids []string) {
	record, _ := w.sim.Task(taskID)
	for _, item := range record.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

// hurry makes every file due that nobody works on.
func (w *archiveWorld) hurry(t *testing.T) {
	t.Helper()
	w.exec(t, `UPDATE tasksync.archived_files SET due_at = now() - interval '1 minute' WHERE state = 'pending' AND claim IS NULL`)
}

// The files of a complete row are copied, the own URLs stand in its clips, the provider's
// beside them, and pages hear of it by an event. Nothing is copied twice.
func TestFilesAreArchived(t *testing.T) {
	t.Parallel()
	for provider, kinds := range map[string]string{"sunoapi": "audio,image", "sunoproxy": "audio,image,video"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newArchiveWorld(t, provider, 0)
			settings := w.archiving("TASKSYNC_ARCHIVE_FILES", kinds)
			d := start(t, settings, "run")
			admin := d.ready(t)
			tasks := w.add(t, 3, simulator.Success, 0)
			files := 2 * len(strings.Split(kinds, ","))
			w.finish()
			for _, id := range tasks {
				w.await(t, d, "files are archived", func() bool { return w.isArchived(t, files, id) })
				w.verifyFiles(t, id)
				require.Equal(t, "complete", w.of(t, id).Status)
			}
			require.Equal(t, 3, w.count(t, `SELECT count(*) FROM tasksync.generation_events WHERE via = 'archive' AND from_status = 'complete' AND to_status = 'complete'`))
			_, metrics := get(t, "http://"+admin+"/metrics")
			require.Contains(t, metrics, `tasksync_archive_files_total{kind="audio",result="archived"} 6`)
			require.Contains(t, metrics, "\ntasksync_archive_pending 0\n")
			require.Contains(t, metrics, "\ntasksync_archive_oldest_pending_age_seconds 0\n")
			require.NotContains(t, metrics, "\ntasksync_archive_bytes_total 0\n")
			require.Zero(t, d.stop(t), d.last())
			puts := w.s3.Requests(http.MethodPut)
			require.Equal(t, 3*files, puts)

			code, out := runCommand(t, settings, "archive", "--backfill")
			require.Zero(t, code, out)
			require.Equal(t, puts, w.s3.Requests(http.MethodPut), "all of it was there")
			require.Empty(t, w.s3.Uploads(t))
			require.NotContains(t, d.output(), archiveSecret)
		})
	}
}

// runCommand runs tasksync to its end, and returns all that it printed.
func runCommand(t *testing.T, settings map[string]string, args ...string) (code int, out string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	for name, value := range settings {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	both, err := cmd.CombinedOutput()
	require.NotNil(t, cmd.ProcessState, err)
	return cmd.ProcessState.ExitCode(), string(both)
}

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

// A daemon that is killed during an upload leaves no parts: the next one ends the upload and
// begins again.
func TestKilledUploadsAreResumed(t *testing.T) {
	t.Parallel()
	w := newArchiveWorld(t, "sunoapi", 11<<20)
	stuck := make(chan struct{}, 10)
	w.s3.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("partNumber") != "2" {
			return false
		}
		stuck <- struct{}{}
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return true
	})
	settings := w.archiving("TASKSYNC_ARCHIVE_FILES", "audio")
	d := start(t, settings, "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.finish()
	<-stuck
	require.NotEmpty(t, w.s3.Uploads(t))
	require.NoError(t, d.cmd.Process.Kill())
	<-d.done
	w.s3.Answer(nil)
	d = start(t, settings, "run")
	d.ready(t)
	other := start(t, settings, "run")
	other.ready(t)
	w.await(t, d, "files are archived", func() bool { return w.isArchived(t, 2, id) })
	require.Empty(t, w.s3.Uploads(t))
	w.verifyFiles(t, id)
	require.Zero(t, d.stop(t), d.last())
	require.Zero(t, other.stop(t), other.last())
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
	w.exec(t, `UPDATE music_generations SET status = 'processing', completed_at = NULL WHERE task_id = $1`, reopened)
	w.await(t, d, "it is archived after its second end", func() bool { return w.isArchived(t, 2, reopened) })
	w.verifyFiles(t, reopened)
	require.Equal(t, puts, w.s3.Requests(http.MethodPut), "its copies were there")
	require.Zero(t, d.stop(t), d.last())
}

// A late result is archived like any other, and a later answer does not bring the provider's
// URL back.
func TestLateResultsAreArchived(t *testing.T) {
	t.Parallel()
	w := newArchiveWorld(t, "sunoapi", 0)
	d := start(t, w.archiving("TASKSYNC_LATE", "complete", "TASKSYNC_TIMEOUT", shortTimeout.String()), "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.await(t, d, "the row has failed", func() bool { return w.of(t, id).Status == "failed" })
	w.finish()
	w.await(t, d, "the late result is archived", func() bool { return w.isArchived(t, 4, id) })
	w.verifyFiles(t, id)
	require.Equal(t, "complete", w.of(t, id).Status)
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
	address := strings.Replace(w.s3.Archive("music"), "public_url=", "public_url="+wrong.URL+"&x=", 1)
	address = address[:strings.Index(address, "&x=")] + address[strings.Index(address, "&region"):]
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
	w.exec(t, `UPDATE tasksync.archived_files SET claimed_until = now() - interval '1 second' WHERE claim IS NOT NULL`) // a quarter of an hour later
	lost := tasks[len(tasks)-1]
	for _, clip := range w.clipsOf(lost) {
		w.sim.ScriptMedia(simulator.MediaAudio, clip, simulator.MediaGone, simulator.MediaAlways)
	}
	w.exec(t, `UPDATE tasksync.archived_files SET bytes = NULL, state = 'pending' WHERE clip_id = ANY ($1)`, w.clipsOf(lost))
	w.exec(t, `UPDATE music_clips SET audio_url = $2 || clip_id || '.mp3' WHERE clip_id = ANY ($1)`, w.clipsOf(lost), w.api.URL+"/simulator/audio/")
	w.exec(t, `DELETE FROM tasksync.archived_files WHERE clip_id = ANY ($1)`, w.clipsOf(lost))
	for range 5 { // attempts that lie hours apart
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

// An application's own table, of whatever shape, gets the own URLs through the views.
func TestAdoptedTablesAreArchived(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			own := newAdopted(t, s)
			own.adopt(t)
			own.rows = map[string]string{}
			w := &archiveWorld{world: &world{e2e: own.e2e}, s3: archivetest.New(t)}
			w.serveFiles(t, 0)
			d := start(t, w.archiving("TASKSYNC_ARCHIVE_FILES", "audio"), "run")
			d.ready(t)
			id := own.add(t, simulator.Success)
			w.finish()
			w.await(t, d, "the application reads own URLs", func() bool {
				_, urls := own.word(t, id)
				for _, u := range urls {
					if !strings.HasPrefix(u, w.s3.Public("music")) {
						return false
					}
				}
				return len(urls) == min(2, s.places)
			})
			word, urls := own.word(t, id)
			require.Equal(t, s.complete, word)
			for _, u := range urls {
				fetchFile(t, u)
			}
			require.Zero(t, d.stop(t), d.last())
		})
	}
}

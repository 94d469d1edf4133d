package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

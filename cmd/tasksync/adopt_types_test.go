package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// The application's words for task types are found, asked for and kept in a file, and
// rows end as tasks of the type that their word stands for.
func TestAdoptTypeWords(t *testing.T) {
	t.Parallel()
	for name, column := range map[string]string{
		"text": `text NOT NULL DEFAULT 'song'`,
		"enum": `song_type NOT NULL DEFAULT 'song'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shapes[0]
			w := newAdopted(t, s)
			_, err := w.pool.Exec(t.Context(), `CREATE TYPE song_type AS ENUM ('song', 'lyric', 'cover', 'podcast'); ALTER TABLE songs ADD type `+column)
			require.NoError(t, err)
			_, err = w.pool.Exec(t.Context(), `INSERT INTO songs (type) VALUES ('song'), ('lyric'), ('cover'), ('podcast')`)
			require.NoError(t, err)
			args := append([]string{"adopt"}, s.adopt...)
			code, out := command(w.url, args...)
			require.Equal(t, exitUsage, code, out)
			require.Regexp(t, `which task type \(extend, generate, .*\) is cover or podcast, in songs.type\? Say --type-word generate=WORD`, out)
			code, out = command(w.url, append(args, "--type-word", "cover=cover")...)
			require.Equal(t, exitUsage, code, out)
			require.Contains(t, out, "tasksync has no such task type; there are extend, generate")

			file := filepath.Join(t.TempDir(), "tasksync.yaml")
			code, out = command(w.url, append(args, "--type-word", "generate=cover", "--write", file)...)
			require.Zero(t, code, out)
			require.Regexp(t, `type generate +cover, song`, out)
			require.Regexp(t, `type others +podcast +no task type`, out)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Contains(t, string(text), "type_words:")
			code, out = command(w.url, "adopt", "--file", file)
			require.Zero(t, code, out)

			_, all := w.world(t)
			d := start(t, w.settings(), "run")
			d.ready(t)
			tasks := map[string]string{}
			for word, kind := range map[string]task.Type{"song": task.Generate, "cover": task.Generate, "lyric": task.Lyrics, "podcast": task.Generate} {
				tasks[word] = w.sim.Submit(kind, simulator.Success)
			}
			all.finish()
			for word, id := range tasks {
				all.exec(t, `INSERT INTO songs (task_id, type) VALUES ($1, $2::text::`+map[string]string{"text": "text", "enum": "song_type"}[name]+`)`, id, word)
			}
			all.await(t, d, "all but the podcast are complete", func() bool {
				return all.count(t, `SELECT count(*) FROM songs WHERE status = 'completed'`) == 3
			})
			require.Equal(t, 2, all.count(t, `SELECT count(*) FROM music_clips AS c JOIN music_generations AS g ON g.id = c.generation_id WHERE g.task_id = $1 AND c.lyrics <> ''`, tasks["lyric"]))
			require.Equal(t, 1, all.count(t, `SELECT count(*) FROM songs WHERE type = 'podcast' AND status = 'pending' AND task_id IS NOT NULL`))
			require.Empty(t, all.front.times(tasks["podcast"]))
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}

// Adopting again keeps the triggers as an operator has set them.
func TestAdoptKeepsTriggers(t *testing.T) {
	t.Parallel()
	w := newAdopted(t, shapes[0])
	w.adopt(t)
	_, err := w.pool.Exec(t.Context(), `ALTER TABLE songs DISABLE TRIGGER tasksync_notify_insert; ALTER TABLE songs ENABLE ALWAYS TRIGGER tasksync_notify_update;
		ALTER TABLE songs ENABLE REPLICA TRIGGER tasksync_adopted_task`)
	require.NoError(t, err)
	w.adopt(t)
	require.Equal(t, []string{"tasksync_adopted_delete O", "tasksync_adopted_task R", "tasksync_adopted_truncate O", "tasksync_notify_insert D", "tasksync_notify_update A"},
		w.fires(t))
	_, err = w.pool.Exec(t.Context(), `ALTER TABLE songs ENABLE TRIGGER ALL`)
	require.NoError(t, err)
	w.adopt(t)
	w.writes(t)
	require.Equal(t, []string{"tasksync_adopted_delete O", "tasksync_adopted_task O", "tasksync_adopted_truncate O", "tasksync_notify_insert O", "tasksync_notify_update O"},
		w.fires(t))
}

// fires lists the triggers on the table and when they fire.
func (w *adopted) fires(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, r := range collect[struct{ Name string }](t, w.pool, `SELECT tgname || ' ' || tgenabled::text FROM pg_trigger WHERE tgrelid = 'songs'::regclass AND NOT tgisinternal ORDER BY tgname`) {
		list = append(list, r.Name)
	}
	return list
}

package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// A column that is dropped, or a privilege that is taken away, under a running daemon
// makes it not ready, with the name; when it is back, the daemon is ready again and what
// waited completes. An idle daemon notices it, too.
func TestLostColumns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose, mend, says string
		idle             bool
	}{
		"a column that each pass reads": {
			lose: `ALTER TABLE music_clips DROP title`, mend: `ALTER TABLE music_clips ADD title text`,
			says: "columns: music_clips.title are missing",
		},
		"a column that only an end writes": {
			lose: `ALTER TABLE music_generations DROP completed_at`, mend: `ALTER TABLE music_generations ADD completed_at timestamptz`,
			says: "columns: music_generations.completed_at are missing",
		},
		"a column of another type": {
			lose: `ALTER TABLE music_generations RENAME provider TO was; ALTER TABLE music_generations ADD provider bigint`,
			mend: `ALTER TABLE music_generations DROP provider; ALTER TABLE music_generations RENAME was TO provider`,
			says: "columns: music_generations.provider is bigint, but must be text",
		},
		"a table": {
			lose: `ALTER TABLE music_clips RENAME TO gone`, mend: `ALTER TABLE gone RENAME TO music_clips`,
			says: "tables are missing: public.music_clips",
		},
		"an idle daemon": {
			lose: `ALTER TABLE music_clips DROP duration`, mend: `ALTER TABLE music_clips ADD duration double precision`,
			says: "columns: music_clips.duration are missing", idle: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sunoapi")
			d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
			addr := d.ready(t)
			ready := func() (bool, string) {
				status, body := get(t, "http://"+addr+"/readyz")
				return status == 200, body
			}
			w.await(t, d, "ready", func() bool { ok, _ := ready(); return ok })
			w.exec(t, c.lose)
			var tasks []string
			if !c.idle {
				tasks = w.add(t, 1, simulator.Ready, 0)
			}
			var body string
			w.await(t, d, "not ready", func() bool {
				ok, said := ready()
				body = said
				return !ok
			})
			require.Contains(t, body, c.says)
			require.Less(t, len(body), 1000)
			w.exec(t, c.mend)
			w.await(t, d, "ready again", func() bool { ok, _ := ready(); return ok })
			if len(tasks) > 0 {
				w.complete(t, d, worldPatience, tasks...)
			}
			w.complete(t, d, worldPatience, w.add(t, 1, simulator.Ready, 0)...)
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}

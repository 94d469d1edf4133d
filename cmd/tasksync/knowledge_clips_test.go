package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// clipTables are tables of clips as applications have them, with columns that tasksync
// does not know, and what must hold of every clip then.
var clipTables = []struct{ name, alter, holds string }{
	{
		"what a row security policy needs, without a default",
		`ALTER TABLE music_clips ADD user_id uuid NOT NULL`,
		`c.user_id = g.user_id`,
	},
	{
		"a default that is null for a daemon, one that raises without a session, and a constant",
		`CREATE FUNCTION nobody() RETURNS uuid STABLE LANGUAGE sql AS 'SELECT NULL::uuid';
		ALTER TABLE music_generations ADD tenant bigint NOT NULL DEFAULT 7, ADD locale text, ADD "orgId" text DEFAULT 'acme';
		ALTER TABLE music_clips ADD user_id uuid DEFAULT nobody(), ADD tenant bigint NOT NULL,
			ALTER tenant SET DEFAULT current_setting('app.tenant')::bigint, ADD locale text NOT NULL DEFAULT 'en', ADD "orgId" text DEFAULT 'nobody'`,
		`c.user_id = g.user_id AND c.tenant = 7 AND c.locale = 'en' AND c."orgId" = 'acme'`,
	},
	{
		"domains over one type, a text for a uuid, a shorter text",
		`CREATE DOMAIN org_a AS bigint; CREATE DOMAIN org_b AS bigint CHECK (VALUE > 0);
		ALTER TABLE music_generations ADD org_id org_a NOT NULL DEFAULT 5, ADD note varchar(40) DEFAULT repeat('x', 40);
		ALTER TABLE music_clips ADD org_id org_b NOT NULL, ADD user_id text NOT NULL, ADD note varchar(10), ADD task_id varchar(100) NOT NULL`,
		`c.org_id = 5 AND c.user_id = g.user_id::text AND c.note IS NULL AND c.task_id = g.task_id`,
	},
	{
		"defaults that make up values, values that are permitted once, generated columns",
		`ALTER TABLE music_generations ADD seq bigint DEFAULT 3, ADD slug text DEFAULT 'same', ADD public_id uuid DEFAULT gen_random_uuid(),
			ADD twice text DEFAULT 'generation', ADD number bigint DEFAULT 4;
		CREATE SEQUENCE clip_seq;
		ALTER TABLE music_clips ADD seq bigint UNIQUE DEFAULT nextval('clip_seq'), ADD slug text UNIQUE, ADD public_id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
			ADD twice text GENERATED ALWAYS AS (status || status) STORED, ADD number bigint GENERATED ALWAYS AS IDENTITY`,
		`c.seq > 0 AND c.slug IS NULL AND c.public_id <> g.public_id AND c.twice = c.status || c.status AND c.number > 0`,
	},
	{
		"keys and times that a client of another kind fills",
		`ALTER TABLE music_clips ALTER id DROP DEFAULT, ALTER created_at DROP DEFAULT, ALTER created_at TYPE timestamp(3), ALTER updated_at DROP DEFAULT`,
		`c.id IS NOT NULL AND c.created_at IS NOT NULL AND c.updated_at IS NOT NULL`,
	},
	{
		"values that are not there yet, in columns that take no null",
		`UPDATE music_clips SET title = ''; ALTER TABLE music_clips ALTER title SET NOT NULL, ALTER title SET DEFAULT 'Untitled', ALTER audio_url SET NOT NULL,
			ALTER stream_audio_url SET NOT NULL, ALTER video_url SET NOT NULL, ALTER lyrics SET NOT NULL, ALTER tags SET NOT NULL, ALTER duration SET NOT NULL`,
		`c.audio_url <> ''`,
	},
	{
		"a value of the row that a constraint of the clips rejects",
		`ALTER TABLE music_generations ADD mood text DEFAULT 'sad'; ALTER TABLE music_clips ADD mood text CHECK (mood <> 'sad'), ADD user_id uuid NOT NULL`,
		`c.mood IS NULL AND c.user_id = g.user_id`,
	},
	{
		"a value of the row that a key over two columns permits once",
		`ALTER TABLE music_clips ADD user_id uuid, ADD slot integer NOT NULL DEFAULT 1, ADD UNIQUE (user_id, slot)`,
		`c.user_id IS NULL`,
	},
	{
		"partitions by what only the row knows",
		`ALTER TABLE music_generations ADD workspace_id bigint NOT NULL DEFAULT 9;
		DROP TABLE music_clips;
		CREATE TABLE music_clips (id uuid NOT NULL DEFAULT gen_random_uuid(), workspace_id bigint NOT NULL, generation_id uuid NOT NULL, clip_id text NOT NULL,
			status text NOT NULL, title text, audio_url text, stream_audio_url text, video_url text, image_url text, lyrics text, tags text, model_name text,
			duration double precision, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
			PRIMARY KEY (workspace_id, id)) PARTITION BY LIST (workspace_id);
		CREATE TABLE music_clips_9 PARTITION OF music_clips FOR VALUES IN (9)`,
		`c.workspace_id = 9`,
	},
	{
		"a view that inserts by a trigger",
		`ALTER TABLE music_clips RENAME TO songs; ALTER TABLE songs ADD user_id uuid NOT NULL;
		CREATE VIEW music_clips AS SELECT * FROM songs;
		CREATE FUNCTION insert_song() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.id IS NOT NULL OR NEW.created_at IS NOT NULL THEN RAISE 'the view makes these'; END IF;
			INSERT INTO songs (generation_id, clip_id, status, title, audio_url, stream_audio_url, user_id)
			VALUES (NEW.generation_id, NEW.clip_id, NEW.status, NEW.title, NEW.audio_url, NEW.stream_audio_url, NEW.user_id); RETURN NEW; END $$;
		CREATE TRIGGER insert_song INSTEAD OF INSERT ON music_clips FOR EACH ROW EXECUTE FUNCTION insert_song()`,
		`c.user_id = g.user_id`,
	},
}

// Rows complete with their clips, whatever columns the application has added.
func TestClipsTakeWhatTheirRowKnows(t *testing.T) {
	t.Parallel()
	for _, table := range clipTables {
		t.Run(table.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sunoapi")
			w.exec(t, table.alter)
			d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
			d.ready(t)
			tasks := w.add(t, 2, simulator.Success, 0)
			w.asked(t, d, 1, tasks...)
			w.finish()
			w.complete(t, d, worldPatience, tasks...)
			require.Equal(t, 4, w.count(t, `SELECT count(*) FROM music_clips AS c JOIN music_generations AS g ON g.id = c.generation_id WHERE `+table.holds),
				"%s", fmt.Sprint(w.clips(t)))
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}

// The application's table is partitioned before tasksync comes.
func TestClipsOfATableThatWasPartitioned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.url = postgrestest.Empty(t)
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.pool = pool
	w.exec(t, `CREATE TABLE music_generations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL, workspace_id bigint NOT NULL DEFAULT 9);
		CREATE TABLE music_clips (id uuid NOT NULL, workspace_id bigint NOT NULL, generation_id uuid NOT NULL, clip_id text NOT NULL,
			PRIMARY KEY (workspace_id, id)) PARTITION BY LIST (workspace_id);
		CREATE TABLE music_clips_9 PARTITION OF music_clips FOR VALUES IN (9)`)
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	d.ready(t)
	tasks := w.add(t, 2, simulator.Success, 0)
	w.asked(t, d, 1, tasks...)
	w.finish()
	w.complete(t, d, worldPatience, tasks...)
	require.Equal(t, 4, w.count(t, `SELECT count(*) FROM music_clips_9 WHERE status = 'complete'`))
	require.Zero(t, d.stop(t), tail(d.output()))
}

// A placeholder keeps what the application wrote into its columns.
func TestPlaceholdersKeepTheirColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.exec(t, `ALTER TABLE music_clips ADD user_id uuid, ADD audio_note text NOT NULL DEFAULT ''`)
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.exec(t, `INSERT INTO music_clips (generation_id, clip_id, user_id, audio_note)
		SELECT g.id, g.task_id || '-generate-0', '7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11', 'mine' FROM music_generations AS g`)
	w.finish()
	w.complete(t, d, worldPatience, id)
	require.Equal(t, 1, w.count(t, `SELECT count(*) FROM music_clips WHERE user_id = '7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11' AND audio_note = 'mine' AND audio_url IS NOT NULL`))
	require.Equal(t, 1, w.count(t, `SELECT count(*) FROM music_clips AS c JOIN music_generations AS g ON g.id = c.generation_id AND g.user_id = c.user_id`))
	require.Zero(t, d.stop(t), tail(d.output()))
}

// The application adds a column while the daemon runs: no result is rejected.
func TestAColumnThatComesWhileTheDaemonRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	d.ready(t)
	w.complete(t, d, worldPatience, w.add(t, 2, simulator.Ready, 0)...)
	w.exec(t, `ALTER TABLE music_clips ADD user_id uuid;
		UPDATE music_clips AS c SET user_id = g.user_id FROM music_generations AS g WHERE g.id = c.generation_id;
		ALTER TABLE music_clips ALTER user_id SET NOT NULL`)
	w.complete(t, d, worldPatience, w.add(t, 2, simulator.Ready, 0)...)
	require.Equal(t, 8, w.count(t, `SELECT count(*) FROM music_clips AS c JOIN music_generations AS g ON g.id = c.generation_id AND g.user_id = c.user_id`))
	w.exec(t, `ALTER TABLE music_clips DROP user_id`)
	w.complete(t, d, worldPatience, w.add(t, 2, simulator.Ready, 0)...)
	require.Empty(t, d.loud("rejects results"), tail(d.output()))
	require.Zero(t, d.stop(t), tail(d.output()))
}

// With TASKSYNC_CLIPS=update no clip is inserted: placeholders are filled, and what has
// none is kept, counted and told.
func TestClipsUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.exec(t, `ALTER TABLE music_clips ADD cover_of uuid NOT NULL`) // only the application can fill it
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m", "TASKSYNC_CLIPS", "update"), "run")
	addr := d.ready(t)
	tasks := w.add(t, 3, simulator.Success, 0)
	for i, id := range tasks { // as many placeholders as the number of the task
		for n := range i {
			w.exec(t, `INSERT INTO music_clips (generation_id, clip_id, cover_of) SELECT id, task_id || '-generate-' || $2::int, gen_random_uuid() FROM music_generations WHERE task_id = $1`, id, n)
		}
	}
	w.asked(t, d, 1, tasks...)
	w.finish()
	w.complete(t, d, worldPatience, tasks...)
	require.Equal(t, 3, w.count(t, `SELECT count(*) FROM music_clips`))
	require.Equal(t, 3, w.count(t, `SELECT count(*) FROM music_clips WHERE status = 'complete' AND audio_url IS NOT NULL`))
	require.Equal(t, 3, w.count(t, `SELECT sum(jsonb_array_length(clips)) FROM tasksync.late_results`), "two of the first row, one of the second")
	require.Equal(t, 3, w.count(t, `SELECT count(*) FROM tasksync.late_results AS l, jsonb_to_recordset(l.clips) AS c (audio_url text, status text)
		WHERE c.status = 'complete' AND c.audio_url <> ''`))
	require.Len(t, d.loud("no placeholder"), 1, tail(d.output()))
	_, metrics := get(t, "http://"+addr+"/metrics")
	require.Contains(t, metrics, "tasksync_clips_without_placeholder_total 3")
	require.Zero(t, d.stop(t), tail(d.output()))
}

// A user has clicked three times, and each click has made a row. However many
// daemons there are, and with jobs that know nothing of each other, a look at the task
// is one call.
func TestOneTaskInSeveralRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	settings := w.with("TASKSYNC_TIMEOUT", "10m", "TASKSYNC_POLL_INTERVAL", "1s")
	first, second := start(t, settings, "run"), start(t, settings, "run")
	first.ready(t)
	second.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.asked(t, first, 1, id)
	for range 2 {
		calls := len(w.front.times(id))
		w.exec(t, `INSERT INTO music_generations (user_id, task_id, task_type) VALUES (gen_random_uuid(), $1, 'generate')`, id)
		w.asked(t, first, calls+1, id)
	}
	require.Equal(t, 3, w.count(t, `SELECT count(*) FROM tasksync.river_job WHERE kind = 'sync' AND state NOT IN ('completed', 'cancelled', 'discarded')`))
	calls, since := len(w.front.times(id)), time.Now()
	w.asked(t, first, calls+6, id)
	for i, at := range w.front.times(id)[calls+1:] {
		before := w.front.times(id)[calls+i]
		require.Greater(t, at.Sub(before), 500*time.Millisecond, "look %d came between two looks a second apart; since %s", i, since)
	}
	w.finish()
	w.await(t, first, "all three are complete", func() bool {
		return w.count(t, `SELECT count(*) FROM music_generations WHERE status = 'complete'`) == 3
	})
	ended := len(w.front.times(id))
	w.await(t, first, "their jobs have ended", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.river_job WHERE kind = 'sync' AND state NOT IN ('completed', 'cancelled', 'discarded')`) == 0
	})
	require.Len(t, w.front.times(id), ended, "a row that another one's look has ended needs no call")
	require.Equal(t, 1, w.count(t, `SELECT count(DISTINCT completed_at) FROM music_generations`), "in one transaction")
	require.Equal(t, 6, w.count(t, `SELECT count(*) FROM music_clips WHERE status = 'complete'`))
	require.Equal(t, 2, w.count(t, `SELECT count(DISTINCT (clip_id, title, audio_url, lyrics, tags, duration)) FROM music_clips`))
	require.Zero(t, first.stop(t), tail(first.output()))
	require.Zero(t, second.stop(t), tail(second.output()))
}

// A clip_id may stand in the table once: of rows with one task, one has the clips, and
// the other fails and names it. Rows that share the pass are not held up.
func TestOneTaskInSeveralRowsWithAUniqueClipID(t *testing.T) {
	t.Parallel()
	for _, placeholders := range []bool{false, true} {
		t.Run(fmt.Sprintf("placeholders %v", placeholders), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sunoapi")
			w.exec(t, `CREATE UNIQUE INDEX one_clip_each ON music_clips (clip_id)`)
			id := w.sim.Submit(task.Generate, simulator.Success)
			w.exec(t, `INSERT INTO music_generations (user_id, task_id, task_type) SELECT gen_random_uuid(), $1, 'generate' FROM generate_series(1, 2)`, id)
			if placeholders { // the second row's have names of their own
				w.exec(t, `INSERT INTO music_clips (generation_id, clip_id) SELECT g.id, g.id || '-generate-' || n FROM music_generations AS g, generate_series(0, 1) AS n`)
			}
			others := w.add(t, 3, simulator.Success, 0)
			d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
			d.ready(t)
			w.asked(t, d, 1, append(others, id)...)
			w.advance(60 * time.Second) // a preview
			w.asked(t, d, 3, id)
			w.finish()
			w.complete(t, d, worldPatience, others...)
			w.await(t, d, "both have ended", func() bool {
				return w.count(t, `SELECT count(*) FROM music_generations WHERE task_id = $1 AND status IN ('complete', 'failed')`, id) == 2
			})
			require.Equal(t, 1, w.count(t, `SELECT count(*) FROM music_generations AS f JOIN music_generations AS c ON c.task_id = f.task_id
				WHERE f.status = 'failed' AND c.status = 'complete' AND f.error_code = 'API_ERROR'
				AND f.error_message = 'The results of this task are in row ' || c.id || ': it has the same task_id, and music_clips permits each clip_id once.'`), w.standing(t))
			require.Equal(t, 2, w.count(t, `SELECT count(*) FROM music_clips AS c JOIN music_generations AS g ON g.id = c.generation_id WHERE g.task_id = $1 AND c.status = 'complete'`, id))
			require.Zero(t, w.count(t, `SELECT count(*) FROM music_clips WHERE status NOT IN ('complete', 'failed')`))
			require.Empty(t, d.loud("rejects results"), tail(d.output()))
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}

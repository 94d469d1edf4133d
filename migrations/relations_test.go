package migrations_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/migrations"
)

// catalog returns everything that the catalog has of what is not Postgres's own.
func (b *bundle) catalog(t *testing.T) []string {
	t.Helper()
	return column[string](t, b.pool, `SELECT concat_ws(' ', oid, xmin, relname, relkind, relacl) FROM pg_class WHERE relnamespace NOT IN ('pg_toast'::regnamespace) AND relpersistence <> 't'
		UNION ALL SELECT concat_ws(' ', oid, xmin, nspname) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
		UNION ALL SELECT concat_ws(' ', oid, xmin, proname) FROM pg_proc ORDER BY 1`)
}

// TestChecksDoNotWrite, nor need they the right to.
func TestChecksDoNotWrite(t *testing.T) {
	t.Parallel()
	b := setupEmpty(t)
	before := b.catalog(t)
	reader := openWith(t, b.url, map[string]string{"default_transaction_read_only": "on"}) // as on a standby
	for _, m := range []*migrations.Migrator{b.migrator, reader.migrator} {
		list, err := m.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, all(1, newest(t)), versions(list))
		pending, err := m.Pending(t.Context())
		require.NoError(t, err)
		require.True(t, pending)
		applied, err := m.Down(t.Context())
		require.NoError(t, err)
		require.Empty(t, applied)
	}
	require.Equal(t, before, b.catalog(t))

	b.up(t)
	before = b.catalog(t)
	pending, err := reader.migrator.Pending(t.Context())
	require.NoError(t, err)
	require.False(t, pending)
	require.Equal(t, before, b.catalog(t))
}

// TestWhatCannotBeMigratedIsLeftAlone: the error says what to do, and nothing was done.
func TestWhatCannotBeMigratedIsLeftAlone(t *testing.T) {
	t.Parallel()
	goose := gooseCommand(t)
	const generations = `CREATE TABLE public.music_generations (id uuid PRIMARY KEY); `
	for name, tt := range map[string]struct{ sql, want, mend string }{
		"materialized view": {
			`CREATE MATERIALIZED VIEW public.music_generations AS SELECT 1 AS id`, "public.music_generations is a materialized view, and tasksync needs a table",
			`ALTER MATERIALIZED VIEW public.music_generations RENAME TO other`,
		},
		"sequence":       {`CREATE SEQUENCE public.music_clips`, "public.music_clips is a sequence", `ALTER SEQUENCE public.music_clips RENAME TO other`},
		"composite type": {`CREATE TYPE public.music_clips AS (id uuid)`, "public.music_clips is a composite type", `ALTER TYPE public.music_clips RENAME TO other`},
		"view":           {`CREATE VIEW public.music_generations AS SELECT gen_random_uuid() AS id, NULL::text AS task_id`, "is a view without the columns user_id, task_type, provider, status, ", `ALTER VIEW public.music_generations RENAME TO other`},
		"view that is read only": {
			`CREATE VIEW public.music_generations AS SELECT id, id AS user_id, ''::text AS task_id, ''::text AS task_type, ''::text AS provider, ''::text AS status,
			''::text AS error_code, ''::text AS error_message, now() AS created_at, now() AS updated_at, now() AS completed_at FROM (SELECT gen_random_uuid() AS id LIMIT 1) AS s`,
			"is a view that cannot be written", `ALTER VIEW public.music_generations RENAME TO other`,
		},
		"clips without keys": {
			generations + `CREATE TABLE public.music_clips (id uuid PRIMARY KEY, song int); INSERT INTO public.music_clips VALUES (gen_random_uuid(), 1)`,
			"public.music_clips has rows, but no column generation_id, clip_id; if the table is meant for tasksync, run ALTER TABLE public.music_clips ADD COLUMN generation_id uuid, ADD COLUMN clip_id text;", ``,
		},
		"rows without id": {`CREATE TABLE public.music_generations (song int); INSERT INTO public.music_generations VALUES (1), (2)`, "run ALTER TABLE public.music_generations ADD COLUMN id uuid ", ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupEmpty(t)
			b.exec(t, tt.sql)
			before := b.catalog(t)
			_, err := b.migrator.Up(t.Context())
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, before, b.catalog(t))

			out, err := stock(t, goose, b.url, "up").CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), tt.want)
			require.NotContains(t, dump(t, b.url), "tasksync.")

			mend := tt.mend
			if mend == "" {
				mend = string(out)[strings.LastIndex(string(out), "run ALTER")+len("run ALTER"):]
				mend, _, _ = strings.Cut(mend, ";")
				mend = "ALTER" + mend
			}
			b.exec(t, mend)
			b.up(t)
		})
	}
}

// stock is the goose command as the documentation gives it.
func stock(t *testing.T, goose, url string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), goose, append([]string{"-dir", ".", "postgres", url}, args...)...)
	cmd.Env = append(os.Environ(), "GOOSE_TABLE="+migrations.Table)
	return cmd
}

// TestEmptyTablesGetTheirKeys: where there are no rows, nothing can be meant otherwise.
func TestEmptyTablesGetTheirKeys(t *testing.T) {
	t.Parallel()
	b := setupEmpty(t)
	b.exec(t, `CREATE TABLE public.music_generations (prompt text); CREATE TABLE public.music_clips (id bigint PRIMARY KEY, title text)`)
	b.up(t)
	b.exec(t, `INSERT INTO public.music_clips (id, generation_id, clip_id) VALUES (1, gen_random_uuid(), 'c')`)
	b.exec(t, `INSERT INTO public.music_generations (task_id, task_type) VALUES ('t', 'extend')`)
}

// relations are databases whose tables are not ordinary ones.
var relations = map[string]string{
	"partitioned": `
		CREATE TABLE public.music_generations (id uuid DEFAULT gen_random_uuid(), created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at);
		CREATE TABLE public.g1 PARTITION OF public.music_generations FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
		CREATE TABLE public.g2 PARTITION OF public.music_generations DEFAULT PARTITION BY HASH (id);
		CREATE TABLE public."G 3" PARTITION OF public.g2 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
		CREATE TABLE public.music_clips (id uuid DEFAULT gen_random_uuid(), generation_id uuid, clip_id text) PARTITION BY HASH (id);
		CREATE TABLE public.c1 PARTITION OF public.music_clips FOR VALUES WITH (MODULUS 1, REMAINDER 0);
		INSERT INTO public.music_generations DEFAULT VALUES; INSERT INTO public.music_clips (clip_id) VALUES ('a')`,
	"partitioned, empty": `
		CREATE TABLE public.music_generations (id uuid PRIMARY KEY DEFAULT gen_random_uuid()) PARTITION BY HASH (id);
		CREATE TABLE public.g1 PARTITION OF public.music_generations FOR VALUES WITH (MODULUS 1, REMAINDER 0);
		CREATE TABLE public.music_clips (id uuid DEFAULT gen_random_uuid(), generation_id uuid, clip_id text) PARTITION BY HASH (generation_id);
		CREATE TABLE public.c1 PARTITION OF public.music_clips FOR VALUES WITH (MODULUS 1, REMAINDER 0)`,
	"only generations partitioned": `
		CREATE TABLE public.music_generations (id uuid DEFAULT gen_random_uuid(), created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at);
		CREATE TABLE public.g1 PARTITION OF public.music_generations DEFAULT`,
	"inherited": `
		CREATE TABLE public.base (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
		CREATE TABLE public.music_generations (LIKE public.base INCLUDING ALL);
		CREATE TABLE public.heir () INHERITS (public.music_generations);
		INSERT INTO public.heir DEFAULT VALUES; INSERT INTO public.music_generations DEFAULT VALUES`,
	"views": `
		CREATE SCHEMA app;
		CREATE TABLE app.songs (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid, task_id text, task_type text, provider text, status text DEFAULT 'submitted',
			error_code text, error_message text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), completed_at timestamptz);
		CREATE TABLE app.clips (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), generation_id uuid, clip_id text, status text, title text, audio_url text, stream_audio_url text, video_url text,
			image_url text, lyrics text, tags text, model_name text, duration float8, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
		INSERT INTO app.songs DEFAULT VALUES;
		CREATE VIEW public.music_generations AS SELECT * FROM app.songs; CREATE VIEW public.music_clips AS SELECT * FROM app.clips`,
}

// TestTablesThatAreNotOrdinary are migrated up, down and up again.
func TestTablesThatAreNotOrdinary(t *testing.T) {
	t.Parallel()
	goose := gooseCommand(t)
	for name, sql := range relations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupEmpty(t)
			b.exec(t, sql)
			b.up(t)
			want := dump(t, b.url)
			require.Zero(t, value[int](t, b.pool, `SELECT count(*) FROM pg_index WHERE NOT indisvalid`))
			require.Zero(t, value[int](t, b.pool, `SELECT count(*) FROM pg_class WHERE relnamespace = 'tasksync_ddl'::regnamespace`), "nothing of the migrations' own is left")
			b.exec(t, `INSERT INTO public.music_generations (task_id, task_type) VALUES ('t', 'extend'); DELETE FROM public.music_generations WHERE task_id = 't'`)
			if !strings.Contains(name, "views") {
				require.Contains(t, want, "idx_music_generations_v2_pending ON")
				require.Contains(t, want, "trigger CREATE TRIGGER tasksync_notify_insert")
				require.Contains(t, want, "public.music_clips USING btree (generation_id, clip_id)")
			}
			_, err := b.migrator.DownTo(t.Context(), 0)
			require.NoError(t, err)
			require.NotContains(t, dump(t, b.url), "tasksync_notify")
			require.Contains(t, runGoose(t, goose, b.url, "up"), "successfully migrated")
			require.Equal(t, want, dump(t, b.url))
		})
	}
}

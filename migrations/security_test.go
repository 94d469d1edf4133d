package migrations_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
	"tasksync/migrations"
)

// supabaseRoles are on a server of the test's own, because roles belong to the whole
// server.
const supabaseRoles = `CREATE ROLE anon; CREATE ROLE authenticated;`

// supabaseDatabase lets its roles use everything new, in every schema at that.
const supabaseDatabase = `
	CREATE SCHEMA auth; GRANT USAGE ON SCHEMA auth, public TO anon, authenticated;
	CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.uid', true), '')::uuid $$;
	ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO anon, authenticated;
	ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO anon, authenticated`

const (
	ann = "00000000-0000-4000-8000-00000000000a"
	bob = "00000000-0000-4000-8000-00000000000b"
)

// server starts a Postgres and returns how to open a new database on it.
func server(t *testing.T) func(name, sql string) *bundle {
	t.Helper()
	server, err := postgres.Start(t.Context(), postgres.Config{Version: os.Getenv("TASKSYNC_TEST_PG")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	admin := open(t, server.URL())
	admin.exec(t, supabaseRoles)
	return func(name, sql string) *bundle {
		admin.exec(t, `CREATE DATABASE `+name)
		conf, err := pgxpool.ParseConfig(server.URL())
		require.NoError(t, err)
		conf.ConnConfig.Database = name
		pool, err := pgxpool.NewWithConfig(t.Context(), conf)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		b := &bundle{url: conf.ConnString(), pool: pool, migrator: openMigrator(t, pool)}
		b.url = "postgres://" + conf.ConnConfig.User + ":" + conf.ConnConfig.Password + "@127.0.0.1:" + value[string](t, pool, `SELECT current_setting('port')`) + "/" + name + "?sslmode=disable"
		b.exec(t, supabaseDatabase)
		b.exec(t, sql)
		return b
	}
}

// sees returns how many rows of each table a role sees as a user.
func (b *bundle) sees(t *testing.T, role, user string) (generations, clips int) {
	t.Helper()
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context()) //nolint:errcheck // nothing is written
	_, err = tx.Exec(t.Context(), `SET LOCAL ROLE `+role)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT set_config('request.uid', $1, true)`, user)
	require.NoError(t, err)
	return value[int](t, tx, `SELECT count(*) FROM public.music_generations`), value[int](t, tx, `SELECT count(*) FROM public.music_clips`)
}

func (b *bundle) insertFor(t *testing.T, user string) {
	t.Helper()
	b.exec(t, `WITH g AS (INSERT INTO public.music_generations (user_id, task_id, task_type) VALUES ($1, 't', 'extend') RETURNING id)
		INSERT INTO public.music_clips (generation_id, clip_id) SELECT id, 'c' FROM g`, user)
}

// TestNewTablesOnSupabaseShowUsersTheirOwn, and nobody anything in schema tasksync.
func TestNewTablesOnSupabaseShowUsersTheirOwn(t *testing.T) {
	t.Parallel()
	create, goose := server(t), gooseCommand(t)
	up := func(t *testing.T, b *bundle, cfg migrations.Config) {
		t.Helper()
		m, err := migrations.OpenConfig(b.pool, cfg)
		require.NoError(t, err)
		_, err = m.Up(t.Context())
		require.NoError(t, err)
		require.NoError(t, m.Close())
	}
	requireOwn := func(t *testing.T, b *bundle) {
		t.Helper()
		b.insertFor(t, ann)
		b.insertFor(t, bob)
		generations, clips := b.sees(t, "authenticated", ann)
		require.Equal(t, []int{1, 1}, []int{generations, clips})
		generations, clips = b.sees(t, "anon", ann)
		require.Equal(t, []int{0, 0}, []int{generations, clips})
		tx, err := b.pool.Begin(t.Context())
		require.NoError(t, err)
		defer tx.Rollback(t.Context()) //nolint:errcheck // nothing is written
		_, err = tx.Exec(t.Context(), `SET LOCAL ROLE anon`)
		require.NoError(t, err)
		requireDenied(t, tx, `SELECT FROM tasksync.generation_events`)
	}
	t.Run("ours", func(t *testing.T) {
		b := create("ours", ``)
		up(t, b, migrations.Config{})
		requireOwn(t, b)
	})
	t.Run("stock goose", func(t *testing.T) {
		b := create("goose", ``)
		runGoose(t, goose, b.url, "up")
		requireOwn(t, b)
	})
	t.Run("no auth.uid", func(t *testing.T) {
		b := create("nobody", `DROP SCHEMA auth CASCADE`)
		up(t, b, migrations.Config{})
		b.insertFor(t, ann)
		generations, clips := b.sees(t, "authenticated", ann)
		require.Equal(t, []int{0, 0}, []int{generations, clips})
	})
	t.Run("open on purpose", func(t *testing.T) {
		b := create("open", ``)
		up(t, b, migrations.Config{NoRLS: true})
		b.insertFor(t, ann)
		generations, clips := b.sees(t, "anon", ``)
		require.Equal(t, []int{1, 1}, []int{generations, clips})
	})
	t.Run("open on purpose, stock goose", func(t *testing.T) {
		b := create("open_goose", ``)
		cmd := stock(t, goose, b.url, "up")
		cmd.Env = append(cmd.Env, "TASKSYNC_NO_RLS=true")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		b.insertFor(t, ann)
		generations, _ := b.sees(t, "anon", ``)
		require.Equal(t, 1, generations)
	})
	t.Run("what was there stays as it was", func(t *testing.T) {
		b := create("existing", `CREATE TABLE public.music_generations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id text)`)
		up(t, b, migrations.Config{})
		b.insertFor(t, ann)
		b.insertFor(t, bob)
		generations, clips := b.sees(t, "authenticated", ann)
		require.Equal(t, []int{2, 1}, []int{generations, clips}, "music_clips is new")
	})
}

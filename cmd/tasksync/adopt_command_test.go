package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
)

// objects lists everything in the database that adopt could make or change.
const objects = `SELECT 'table ' || format('%I.%I %I %s', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)) AS o
	FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
	WHERE n.nspname IN ('public', 'tasksync')
	UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname IN ('public', 'tasksync')
	UNION ALL SELECT 'trigger ' || tgname || ' ' || tgrelid::regclass FROM pg_trigger
	UNION ALL SELECT 'index ' || indexrelid::regclass FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'public'
	ORDER BY 1`

func (w *adopted) objects(t *testing.T) []string {
	t.Helper()
	rows, err := w.pool.Query(t.Context(), objects)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return list
}

// What is not clear is asked for, and nothing is changed before it is answered.
func TestAdoptAsks(t *testing.T) {
	t.Parallel()
	w := newAdopted(t, shapes[0])
	before := w.objects(t)
	code, out := command(w.url, "adopt", "--table", "songs")
	require.Equal(t, exitUsage, code, out)
	require.Contains(t, out, "which word in songs.status means complete? Say --word complete=WORD")
	require.Contains(t, out, "which word in songs.status means failed? Say --word failed=WORD")
	require.Regexp(t, `task_id +task_id +its name says so`, out)
	code, out = command(w.url, "adopt", "--table", "song")
	require.Equal(t, exitFailed, code, out)
	require.Contains(t, out, "there is no table song")
	code, out = command(w.url, "adopt")
	require.Equal(t, exitUsage, code, out)
	require.Contains(t, out, "name the table by --table, or give a file by --file")
	require.Equal(t, before, w.objects(t))
}

// The printed migration is one for the stock goose command, up and down, and is the same
// at every run; what adopt does by itself, --remove takes away. Neither leaves a trace.
func TestAdoptLeavesNoTrace(t *testing.T) {
	t.Parallel()
	goose := gooseCommand(t)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newAdopted(t, s)
			before := w.objects(t)
			dir := t.TempDir()
			sql := w.adopt(t, "--dry-run")
			require.Equal(t, sql, w.adopt(t, "--dry-run"))
			require.Equal(t, before, w.objects(t), "a dry run changes nothing")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "00001_adopt.sql"), []byte(sql), 0o600))
			migrate := func(direction string) {
				t.Helper()
				out, err := exec.CommandContext(t.Context(), goose, "-dir", dir, "-table", "public.application_version", "postgres", w.url, direction).CombinedOutput()
				require.NoError(t, err, string(out))
			}
			migrate("up")
			w.writes(t)
			migrate("down")
			_, err := w.pool.Exec(t.Context(), `DROP TABLE public.application_version; DROP SCHEMA tasksync`)
			require.NoError(t, err, "the schema is empty")
			require.Equal(t, before, w.objects(t))

			w.adopt(t)
			w.writes(t)
			w.adopt(t) // again, with nothing to build
			code, out := command(w.url, "adopt", "--remove")
			require.Zero(t, code, out)
			require.Contains(t, out, "is no longer adopted")
			_, err = w.pool.Exec(t.Context(), `DROP SCHEMA tasksync`)
			require.NoError(t, err, "the schema is empty")
			require.Equal(t, before, w.objects(t))
			code, out = command(w.url, "adopt", "--remove")
			require.Zero(t, code, out)
			require.Contains(t, out, "nothing is adopted")
		})
	}
}

// writes asserts that the views show a row of the application's, and takes it away.
func (w *adopted) writes(t *testing.T) {
	t.Helper()
	_, err := w.pool.Exec(t.Context(), w.shape.insert, "a-task", time.Now().UTC())
	require.NoError(t, err)
	require.Len(t, collect[struct{ ID string }](t, w.pool, `SELECT id::text FROM music_generations WHERE task_id = 'a-task' AND status IN ('submitted', 'queued')
		AND abs(extract(epoch FROM now() - created_at)) < 60`), 1)
	_, err = w.pool.Exec(t.Context(), w.shape.remove, "a-task")
	require.NoError(t, err)
}

// gooseCommand builds the goose command of the tools.
func gooseCommand(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "goose")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "../../tools", "-o", path,
		"-tags", "no_azuresql,no_clickhouse,no_libsql,no_mssql,no_mysql,no_sqlite3,no_vertica,no_ydb", "github.com/pressly/goose/v3/cmd/goose")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "build goose: %s", out)
	return path
}

// A file holds the decisions for CI; one that does not fit names what is wrong.
func TestAdoptFile(t *testing.T) {
	t.Parallel()
	w := newAdopted(t, shapes[1])
	file := filepath.Join(t.TempDir(), "tasksync.yaml")
	w.adopt(t, "--write", file)
	fromFlags := w.adopt(t, "--dry-run")
	code, out := command(w.url, "adopt", "--file", file, "--dry-run")
	require.Zero(t, code, out)
	require.Equal(t, fromFlags, out)
	code, out = command(w.url, "adopt", "--file", file)
	require.Zero(t, code, out)
	w.writes(t)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for wrong, says := range map[string]string{
		"\nstatsu: x\n":                      "field statsu not found",
		"\ntime_zone: UTC\ntime_zone: x\n":   "already defined",
		strings.Repeat("\n", 2) + "clips: 3": "already defined",
	} {
		require.NoError(t, os.WriteFile(file, append(text, wrong...), 0o600))
		code, out := command(w.url, "adopt", "--file", file)
		require.Equal(t, exitUsage, code, out)
		require.Contains(t, out, says)
	}
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "suno_task_id", "gone")), 0o600))
	code, out = command(w.url, "adopt", "--file", file)
	require.Equal(t, exitFailed, code, out)
	require.Contains(t, out, `public.tracks has no column "gone"`)
}

// Where the names are taken, adopt says by what, and the SQL that it gives frees them.
func TestAdoptNamesTaken(t *testing.T) {
	t.Parallel()
	w := newAdopted(t, shapes[0])
	code, out := command(w.url, "migrate", "up")
	require.Zero(t, code, out)
	code, out = command(w.url, append([]string{"adopt"}, w.shape.adopt...)...)
	require.Equal(t, exitFailed, code, out)
	const advice = `DROP TABLE IF EXISTS public.music_clips, public.music_generations;`
	require.Contains(t, out, "public.music_generations is an empty table")
	require.Contains(t, out, advice)
	_, err := w.pool.Exec(t.Context(), `INSERT INTO music_generations (task_id) VALUES ('x')`)
	require.NoError(t, err)
	_, out = command(w.url, append([]string{"adopt"}, w.shape.adopt...)...)
	require.Contains(t, out, "public.music_generations is a table that has rows")
	_, out = command(w.url, "adopt", "--table", "music_generations")
	require.Contains(t, out, "give public.music_generations another name first")
	_, err = w.pool.Exec(t.Context(), advice)
	require.NoError(t, err)
	w.adopt(t)
	w.writes(t)
	_, out = command(w.url, "doctor", "--api-key", "a key", "--api-url", "http://127.0.0.1:1")
	require.Contains(t, out, "music_generations is a view over public.songs (adopt); statuses: submitted, complete, failed")
	_, err = w.pool.Exec(t.Context(), `DELETE FROM songs`)
	require.NoError(t, err)
	_, out = command(w.url, "doctor", "--api-key", "a key", "--api-url", "http://127.0.0.1:1")
	require.NotContains(t, out, "looks like a table", "it is adopted already")
}

// When the views are gone, a start names the command that makes them again, and so does
// the doctor.
func TestAdoptRemoved(t *testing.T) {
	t.Parallel()
	w := newAdopted(t, shapes[0])
	w.adopt(t)
	code, out := command(w.url, "migrate", "up")
	require.Zero(t, code, out)
	w.adopt(t, "--remove")
	for _, name := range []string{"run", "doctor"} {
		code, out = command(w.url, name, "--api-key", "key", "--api-url", "http://127.0.0.1:1")
		require.Equal(t, exitFailed, code, out)
		require.Contains(t, out, "tables are missing: public.music_generations, public.music_clips")
		require.Contains(t, out, "run `tasksync adopt` again")
	}
	w.adopt(t)
	w.writes(t)
	code, out = command(w.url, "sync", "42", "--api-key", "key", "--api-url", "http://127.0.0.1:1")
	require.Equal(t, exitFailed, code, out)
	require.Contains(t, out, "SELECT tasksync.adopted_id(KEY)")
}

// A transaction that has written the table holds adopt up, but no other writer, and adopt
// says who it is.
func TestAdoptHoldsUpNoWriter(t *testing.T) {
	t.Parallel()
	w := newAdopted(t, shapes[0])
	w.adopt(t) // so that the indexes are there
	tx, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), w.shape.insert, "open", time.Now().UTC())
	require.NoError(t, err)
	p := start(t, map[string]string{"DATABASE_URL": w.url}, append([]string{"adopt"}, w.shape.adopt...)...)
	require.Eventually(t, func() bool { return strings.Contains(p.output(), "the table is locked by pid") }, worldPatience, 10*time.Millisecond)
	for range 20 {
		_, err := w.pool.Exec(t.Context(), `SET lock_timeout = '1s'; INSERT INTO songs (task_id) VALUES ('another'); RESET lock_timeout`)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit(t.Context()))
	<-p.done
	require.Zero(t, p.cmd.ProcessState.ExitCode(), p.output())
}

// Nobody but tasksync may use the views, though the schema's tables are open to all, as
// they are at Supabase. The clean-up and the announcements work for a role that may only
// write the table.
func TestAdoptedViewsAreClosed(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	url, err := server.CreateDatabase(t.Context(), "closed")
	require.NoError(t, err)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	defer pool.Close()
	exec := func(sql string) {
		t.Helper()
		_, err := pool.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	exec(`CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE writer;
		ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, writer;
		ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC`)
	sql, err := os.ReadFile("testdata/adopt/tracks.sql")
	require.NoError(t, err)
	exec(string(sql))
	code, out := command(url, "adopt", "--table", "tracks")
	require.Zero(t, code, out)
	for _, role := range []string{"anon", "authenticated", "public"} {
		for _, view := range []string{"music_generations", "music_clips"} {
			var may bool
			require.NoError(t, pool.QueryRow(t.Context(), `SELECT has_table_privilege($1, $2, 'SELECT, INSERT, UPDATE, DELETE')`, role, "public."+view).Scan(&may))
			require.False(t, may, "%s may use %s", role, view)
		}
	}
	var invoker int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_class WHERE relname IN ('music_generations', 'music_clips') AND reloptions @> '{security_invoker=true}'`).Scan(&invoker))
	require.Equal(t, 2, invoker)

	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	ctx := context.WithoutCancel(t.Context())
	for _, sql := range []string{
		`SET ROLE writer`, `INSERT INTO tracks (suno_task_id) VALUES ('a'), ('b')`, `UPDATE tracks SET status = 'generating'`, `DELETE FROM tracks WHERE suno_task_id = 'a'`, `RESET ROLE`,
	} {
		_, err := conn.Exec(ctx, sql)
		require.NoError(t, err, sql)
	}
}

// A daemon hears of rows of the adopted table at once; its triggers can be switched, and
// feed wal says that it cannot read the table.
func TestAdoptedTableIsHeardOf(t *testing.T) {
	t.Parallel()
	w, all := adoptedWorld(t, shapes[1])
	d := start(t, w.settings(), "run")
	d.ready(t)
	heard := w.add(t, simulator.Success)
	all.asked(t, d, 1, heard)
	require.Contains(t, d.output(), `"table":"public.tracks"`)
	code, out := command(w.url, "feed", "trigger", "off")
	require.Zero(t, code, out)
	require.Contains(t, out, "off: new rows are not announced")
	code, out = command(w.url, "feed", "trigger", "on")
	require.Zero(t, code, out)
	require.Contains(t, out, "on: new rows are announced")
	require.Zero(t, d.stop(t), tail(d.output()))

	settings := w.settings()
	settings["TASKSYNC_FEED"] = "wal"
	d = start(t, settings, "run")
	d.ready(t)
	all.await(t, d, "it says so", func() bool {
		return strings.Contains(d.output(), "music_generations is a view (adopt): the WAL names the table below it")
	})
	polled := w.add(t, simulator.Success)
	all.asked(t, d, 1, polled)
	require.Zero(t, d.stop(t), tail(d.output()))
}

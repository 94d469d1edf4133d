package migrations_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// supabase is a database with an application's tables and rows, as they were
// before tasksync came: with columns of the application's own, some of ours
// missing or of another length, the specification's index names taken, row level
// security, and roles with various rights.
type supabase struct {
	*bundle
	role     func(name string) string // its quoted name on this server
	warnings *warnings
}

type warnings struct {
	mu   sync.Mutex
	text []string
}

func (w *warnings) add(_ *pgconn.PgConn, n *pgconn.Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n.Severity == "WARNING" {
		w.text = append(w.text, n.Message)
	}
}

func setupSupabase(t *testing.T) *supabase {
	t.Helper()
	conf, err := pgxpool.ParseConfig(postgrestest.Empty(t))
	require.NoError(t, err)
	w := &warnings{}
	conf.ConnConfig.OnNotice = w.add
	s := &supabase{openConfig(t, conf), makeRoles(t, conf.ConnString()), w}

	text, err := os.ReadFile("testdata/supabase.sql")
	require.NoError(t, err)
	s.exec(t, inRoles(string(text), s.role))
	return s
}

var roleNames = []string{"anon", "authenticated", "service_role", "inserter"}

// makeRoles makes the roles of testdata/supabase.sql. Roles belong to the whole
// server, so each database gets its own.
func makeRoles(t *testing.T, url string) (role func(string) string) {
	t.Helper()
	conn := connect(t, url)
	database := conn.Config().Database
	role = func(name string) string {
		return pgx.Identifier{name + database[strings.LastIndex(database, "_"):]}.Sanitize()
	}
	for _, name := range roleNames {
		_, err := conn.Exec(t.Context(), `CREATE ROLE `+role(name)+`; GRANT `+role(name)+` TO CURRENT_USER`)
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			return // the database is kept
		}
		conn, err := pgx.Connect(context.Background(), url)
		require.NoError(t, err)
		defer conn.Close(context.Background())
		for _, name := range roleNames {
			_, err := conn.Exec(context.Background(), `DROP OWNED BY `+role(name)+`; DROP ROLE `+role(name))
			require.NoError(t, err)
		}
	})
	return role
}

func inRoles(sql string, role func(string) string) string {
	for _, name := range roleNames {
		sql = strings.ReplaceAll(sql, `"`+name+`"`, role(name))
	}
	return sql
}

// as returns a connection that acts as a role.
func (s *supabase) as(t *testing.T, name string) *pgx.Conn {
	t.Helper()
	conn := connect(t, s.url)
	_, err := conn.Exec(t.Context(), `SET ROLE `+s.role(name))
	require.NoError(t, err)
	return conn
}

// rows returns the rows of the fixture, in the columns that they had, with their
// physical place and the transaction that wrote them.
func (s *supabase) rows(t *testing.T) []string {
	t.Helper()
	return column[string](t, s.pool, `
		SELECT concat_ws('|', ctid, xmin, row(id, user_id, prompt, task_id, status, created_at, updated_at, credits)) FROM public.music_generations
		UNION ALL
		SELECT concat_ws('|', ctid, xmin, row(id, generation_id, clip_id, status, title, audio_url, created_at, play_count, tags)) FROM public.music_clips`)
}

func (s *supabase) files(t *testing.T) []uint32 {
	t.Helper()
	return column[uint32](t, s.pool, `SELECT relfilenode FROM pg_class
		WHERE oid IN ('public.music_generations'::regclass, 'public.music_clips'::regclass) ORDER BY relname`)
}

// requireDenied requires that the role of db may not do this.
func requireDenied(t *testing.T, db querier, sql string) {
	t.Helper()
	rows, err := db.Query(t.Context(), sql)
	if err == nil {
		rows.Close()
		err = rows.Err()
	}
	var refusal *pgconn.PgError
	require.ErrorAs(t, err, &refusal, sql)
	require.Equal(t, "42501", refusal.Code, sql) // insufficient_privilege
}

func TestExistingTablesAreCompletedInPlace(t *testing.T) {
	t.Parallel()
	s := setupSupabase(t)
	rows, files := s.rows(t), s.files(t)
	require.Len(t, rows, 2_006)

	s.up(t)
	require.Equal(t, rows, s.rows(t))
	require.Equal(t, files, s.files(t), "no table was rewritten")
	require.Zero(t, value[int](t, s.pool, `SELECT count(*) FROM public.music_generations
		WHERE num_nonnulls(task_type, provider, error_code, error_message, completed_at) > 0`))
	require.Equal(t, []string{`character varying(32)`}, column[string](t, s.pool, `SELECT format_type(atttypid, atttypmod)
		FROM pg_attribute WHERE attrelid = 'public.music_generations'::regclass AND attname = 'status' AND NOT attnotnull`))
	require.Equal(t, []string{
		`CREATE INDEX idx_music_generations_task_type ON public.music_generations USING btree (user_id)`,
		`CREATE INDEX idx_music_generations_v2_pending ON public.music_generations USING btree (status)`,
	}, column[string](t, s.pool, `SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'idx\_music%' ORDER BY indexname`))

	_, err := s.migrator.DownTo(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, rows, s.rows(t))
	s.up(t)
	require.Equal(t, rows, s.rows(t))
}

const clipIndexes = `SELECT indexdef FROM pg_indexes WHERE tablename = 'music_clips' AND indexdef LIKE '%generation\_id, clip\_id)' ORDER BY 1`

func TestDuplicateClipsGetAPlainIndexAndAWarning(t *testing.T) {
	t.Parallel()
	s := setupSupabase(t)
	plain := `CREATE INDEX music_clips_generation_id_clip_id_idx ON public.music_clips USING btree (generation_id, clip_id)`
	s.up(t)
	require.Equal(t, []string{plain}, column[string](t, s.pool, clipIndexes))
	require.Len(t, s.warnings.text, 1)
	require.Contains(t, s.warnings.text[0], "more than once")

	_, err := s.migrator.DownTo(t.Context(), 0)
	require.NoError(t, err)
	s.up(t)
	require.Equal(t, []string{plain}, column[string](t, s.pool, clipIndexes))
}

func TestClipsGetTheirConstraintUnlessTheyHaveIt(t *testing.T) {
	t.Parallel()
	const (
		unique    = `DELETE FROM public.music_clips WHERE ctid <> (SELECT min(ctid) FROM public.music_clips); `
		ours      = `CREATE UNIQUE INDEX music_clips_generation_id_clip_id_key ON public.music_clips USING btree (generation_id, clip_id)`
		ourSecond = `CREATE UNIQUE INDEX music_clips_generation_id_clip_id_key1 ON public.music_clips USING btree (generation_id, clip_id)`
		theirs    = `CREATE UNIQUE INDEX theirs ON public.music_clips USING btree (generation_id, clip_id)`
	)
	for _, tt := range []struct {
		name, sql string
		want      []string
	}{
		{"none", ``, []string{ours}},
		{"theirs", theirs, []string{theirs}},
		{"of another order", `CREATE UNIQUE INDEX theirs ON public.music_clips (clip_id, generation_id)`, []string{ours}},
		{"of some rows", `CREATE UNIQUE INDEX theirs ON public.music_clips (generation_id, clip_id) WHERE status = 'complete'`, []string{ours}},
		{"its name is taken", `CREATE INDEX music_clips_generation_id_clip_id_key ON public.music_clips (title)`, []string{ourSecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := setupSupabase(t)
			s.exec(t, unique+tt.sql)
			s.up(t)
			require.Equal(t, tt.want, column[string](t, s.pool, clipIndexes))
			require.Empty(t, s.warnings.text)
		})
	}
}

// An index that could not be built does not count, whatever the catalog says
// about it.
func TestAnInvalidUniqueIndexIsNone(t *testing.T) {
	t.Parallel()
	s := setupSupabase(t)
	_, err := s.pool.Exec(t.Context(), `CREATE UNIQUE INDEX CONCURRENTLY broken ON public.music_clips (generation_id, clip_id)`)
	require.Error(t, err)
	s.up(t)
	require.Equal(t, []string{
		`CREATE INDEX music_clips_generation_id_clip_id_idx ON public.music_clips USING btree (generation_id, clip_id)`,
		`CREATE UNIQUE INDEX broken ON public.music_clips USING btree (generation_id, clip_id)`,
	}, column[string](t, s.pool, clipIndexes))
}

func TestRolesMayDoWhatTheyMightAndNothingOfOurs(t *testing.T) {
	t.Parallel()
	s := setupSupabase(t)
	s.up(t)
	l := listen(t, s.url)
	for _, name := range roleNames {
		conn := s.as(t, name)
		requireDenied(t, conn, `SELECT FROM tasksync.generation_events`)
		requireDenied(t, conn, `SELECT FROM tasksync.river_job`)
		requireDenied(t, conn, `CREATE TABLE tasksync.mine ()`)
		requireDenied(t, conn, `SELECT tasksync.notify_generation()`)
	}

	inserter := s.as(t, "inserter")
	requireDenied(t, inserter, `SELECT FROM public.music_generations`)
	const id = "00000000-0000-4000-8000-000000000001"
	_, err := inserter.Exec(t.Context(), `INSERT INTO public.music_generations (id, user_id, task_id, task_type, status)
		VALUES ($1, gen_random_uuid(), 't', 'extend', 'submitted')`, id)
	require.NoError(t, err)
	require.Equal(t, []string{id}, l.heard(t))

	user := s.as(t, "authenticated")
	_, err = user.Exec(t.Context(), `SET request.uid = '00000000-0000-4000-8000-00000000000a'`)
	require.NoError(t, err)
	own := value[string](t, user, `INSERT INTO public.music_generations (user_id, task_id, task_type, status)
		VALUES ('00000000-0000-4000-8000-00000000000a', 't', 'extend', 'submitted') RETURNING id::text`)
	require.Equal(t, []string{own}, l.heard(t))
	requireDenied(t, user, `INSERT INTO public.music_generations (user_id, task_id, task_type, status)
		VALUES ('00000000-0000-4000-8000-00000000000b', 't', 'extend', 'submitted')`)
	require.Empty(t, l.heard(t))
	require.Equal(t, 1, value[int](t, user, `SELECT count(*) FROM public.music_generations`))
}

// Supabase grants everything in schema public to its roles, new tables included.
func TestOtherRolesCannotWriteTheVersion(t *testing.T) {
	t.Parallel()
	s := setupSupabase(t)
	s.up(t)
	anon := s.as(t, "anon")
	requireDenied(t, anon, `INSERT INTO public.tasksync_goose_version (version_id, is_applied) VALUES (1000, true)`)
	for _, sql := range []string{
		`DELETE FROM public.tasksync_goose_version`,
		`UPDATE public.tasksync_goose_version SET is_applied = false`,
	} {
		tag, err := anon.Exec(t.Context(), sql)
		require.NoError(t, err)
		require.Zero(t, tag.RowsAffected())
	}

	reader := openWith(t, s.url, map[string]string{"role": strings.Trim(s.role("anon"), `"`)})
	pending, err := reader.migrator.Pending(t.Context())
	require.NoError(t, err)
	require.False(t, pending, "who may read sees the version")
}

package migrations_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/migrations"
)

// sources returns the migration files without comments, by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	names, err := fs.Glob(migrations.FS, "*.sql")
	require.NoError(t, err)
	out := make(map[string]string)
	for _, name := range names {
		text, err := migrations.FS.ReadFile(name)
		require.NoError(t, err)
		out[name] = regexp.MustCompile(`(?m)^\s*-- [^+].*$`).ReplaceAllString(string(text), "")
	}
	return out
}

// withoutTransaction returns the versions whose files say NO TRANSACTION.
func withoutTransaction(t *testing.T) (versions []int64) {
	t.Helper()
	for version := int64(1); version <= newest(t); version++ {
		for name, text := range sources(t) {
			if strings.HasPrefix(name, fmt.Sprintf("%05d_", version)) && strings.Contains(text, "-- +goose NO TRANSACTION") {
				versions = append(versions, version)
			}
		}
	}
	return versions
}

var (
	// ddl locks a table of the application's.
	ddl = regexp.MustCompile(`(?i)\b(ALTER\s+TABLE(\s+IF\s+EXISTS)?(\s+ONLY)?\s+(public\.)?music_|CREATE\s+(OR\s+REPLACE\s+)?(CONSTRAINT\s+)?TRIGGER\b[^;]*?\sON\s+(public\.)?music_|` +
		`DROP\s+TRIGGER\b[^;]*?\sON\s+(public\.)?music_|CREATE\s+(UNIQUE\s+)?INDEX\b[^;]*?\sON\s+(ONLY\s+)?(public\.)?music_|(DROP|ALTER)\s+INDEX\b[^;]*?\spublic\.|` +
		`(CREATE|DROP|ALTER)\s+POLICY\b[^;]*?\sON\s+(public\.)?music_|REFERENCES\s+(public\.)?music_|LOCK\s+(TABLE\s+)?(public\.)?music_|(DROP|TRUNCATE)\s+(TABLE\s+)?(public\.)?music_|REINDEX\b)`)
	// careful is DDL in the form that keeps no writer waiting: inside a call.
	careful = regexp.MustCompile(`(?is)CALL\s+tasksync_ddl\.(run|add_columns|prepare_index)\((?:[^$']|'(?:[^']|'')*'|\$\$.*?\$\$|\$(\w+)\$.*?\$\w+\$)*?\);`)
	// concurrent is an index that is built beside the writers.
	concurrent = regexp.MustCompile(`(?is)CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (\w+)\s+ON (music_\w+) ([^;]*);`)
	prepared   = regexp.MustCompile(`(?is)CALL tasksync_ddl\.prepare_index\('public\.(\w+)', '(\w+)',\s*\$\$(.*?)\$\$\);`)
	// secure enables row security of tables that the same transaction has made.
	secure = regexp.MustCompile(`(?is)CREATE OR REPLACE FUNCTION tasksync_ddl\.secure_new_tables.*?\$\$;\s*-- \+goose StatementEnd`)
)

// TestEveryStatementThatLocksIsCareful: a migration that locks an application's table
// in another way than package migrations documents would stop its writers.
func TestEveryStatementThatLocksIsCareful(t *testing.T) {
	t.Parallel()
	for name, text := range sources(t) {
		if careful.MatchString(text) {
			require.Contains(t, text, "-- +goose NO TRANSACTION", name)
		}
		definitions := make(map[string]string)
		for _, m := range prepared.FindAllStringSubmatch(text, -1) {
			definitions[m[1]+" "+m[2]] = strings.Join(strings.Fields(m[3]), " ")
		}
		for _, m := range concurrent.FindAllStringSubmatch(text, -1) {
			if m[1] != "tasksync_music_clips_key" { // 00001 prepares it by itself
				require.Equal(t, definitions[m[2]+" "+m[1]], strings.Join(strings.Fields(m[3]), " "), "%s: prepare_index of %s has the same definition", name, m[1])
			}
			require.Contains(t, text, "CALL tasksync_ddl.finish_indexes();", name)
		}
		rest := secure.ReplaceAllString(concurrent.ReplaceAllString(careful.ReplaceAllString(text, ""), ""), "")
		require.Empty(t, ddl.FindString(rest), "%s: see the comment of package migrations", name)
	}
}

// TestTheScanFinds what TestEveryStatementThatLocksIsCareful must find.
func TestTheScanFinds(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		`ALTER TABLE public.music_clips ADD x text`, `alter table if exists music_generations add x text`, "CREATE TRIGGER t\nAFTER INSERT ON public.music_generations",
		`DROP TRIGGER IF EXISTS t ON public.music_generations`, `CREATE INDEX x ON public.music_clips (id)`, `CREATE INDEX IF NOT EXISTS x ON music_clips (id)`,
		`DROP INDEX IF EXISTS public.x`, `CREATE TABLE t (id uuid REFERENCES public.music_generations (id))`, `CREATE POLICY p ON public.music_clips`,
	} {
		require.Regexp(t, ddl, sql)
		require.Empty(t, ddl.FindString(careful.ReplaceAllString("CALL tasksync_ddl.run('public.x', 'SHARE', 'false', $$"+sql+"$$);", "")))
	}
	require.NotRegexp(t, ddl, `ALTER TABLE tasksync.generation_events ADD x text; CREATE INDEX x ON tasksync.river_job (id)`)
}

// TestTheFormIsTheSameEverywhere: 00019 has it again, for databases that had 00001
// before it had the form.
func TestTheFormIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	block := func(name string) string {
		text, err := migrations.FS.ReadFile(name)
		require.NoError(t, err)
		_, after, found := strings.Cut(string(text), "CREATE SCHEMA IF NOT EXISTS tasksync_ddl;")
		require.True(t, found, name)
		form, _, found := strings.Cut(after, "-- +goose StatementEnd")
		require.True(t, found, name)
		return form
	}
	require.Equal(t, block("00001_application_tables.sql"), block("00019_status_words.sql"))
}

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
)

// TestOpenTablesAreNamed: the tables were there before, and everybody who has the anon
// key reads them. The doctor says so until its mend was run, or until they are open on
// purpose. The server is the test's own, because of the roles.
func TestOpenTablesAreNamed(t *testing.T) {
	t.Parallel()
	server, err := postgres.Start(t.Context(), postgres.Config{Version: os.Getenv("TASKSYNC_TEST_PG")})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Stop()) }()
	conn, err := pgx.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	exec := func(sql string) {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	exec(`CREATE ROLE anon; CREATE ROLE authenticated; CREATE SCHEMA auth; CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';
		ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated;
		CREATE TABLE music_generations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid)`)
	command := func(args ...string) string {
		var out, errOut strings.Builder
		run(append(args, "--database-url", server.URL()), &out, &errOut)
		return out.String() + errOut.String()
	}
	require.Contains(t, command("migrate", "up"), "applied 00001_application_tables.sql")
	doctor := []string{"doctor", "--api-key", "key-of-the-test"}
	text := command(doctor...)
	require.Contains(t, text, "warn open tables: everybody who has the anon key reads all rows of music_generations: enable row security")
	require.NotContains(t, command(append(doctor, "--no-rls")...), "open tables")

	_, mend, _ := strings.Cut(text, "policies that the application needs, like: ")
	mend, _, _ = strings.Cut(mend, " If they are to be open")
	exec(mend)
	require.NotContains(t, command(doctor...), "open tables")

	exec(`CREATE SCHEMA app; ALTER TABLE music_clips SET SCHEMA app; CREATE VIEW music_clips AS SELECT * FROM app.music_clips`)
	text = command(doctor...)
	require.Contains(t, text, `ALTER VIEW "public"."music_clips" SET (security_invoker = true);`)
}

package main

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// pageOfDatabases says of each database in testdata/databases what tasksync does with
// it. The tests hold its lines true.
const pageOfDatabases = "../../docs/databases.md"

// A pageLine is a line of the page: a database as an application has it.
type pageLine struct {
	name   string
	start  string // "works", "warns" or "refuses"
	says   []string
	advice string
}

var (
	lineOfPage = regexp.MustCompile(`^\| \[([a-z0-9_]+)\]\([^)]*/testdata/databases/[a-z0-9_]+\.sql\) \| .* \| (works|warns|refuses)(: [^|]*)? \| ([^|]*) \|$`)
	quoted     = regexp.MustCompile("`([^`]+)`")
	statement  = regexp.MustCompile("`(ALTER [^`]+)`")
	setting    = regexp.MustCompile("`(TASKSYNC_[A-Z_]+)=([^`]+)`")
)

// linesOfPage reads the page.
func linesOfPage(t *testing.T) (all []pageLine) {
	t.Helper()
	page, err := os.ReadFile(pageOfDatabases)
	require.NoError(t, err)
	for line := range strings.Lines(string(page)) {
		m := lineOfPage.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		s := pageLine{name: m[1], start: m[2], advice: m[4]}
		for _, q := range quoted.FindAllStringSubmatch(m[3], -1) {
			s.says = append(s.says, q[1])
		}
		all = append(all, s)
	}
	return all
}

// Each file is a line of the page, and the other way round.
func TestPageOfDatabasesIsComplete(t *testing.T) {
	t.Parallel()
	var files, lines []string
	found, err := filepath.Glob("testdata/databases/*.sql")
	require.NoError(t, err)
	for _, f := range found {
		files = append(files, strings.TrimSuffix(filepath.Base(f), ".sql"))
	}
	for _, s := range linesOfPage(t) {
		lines = append(lines, s.name)
	}
	require.ElementsMatch(t, files, lines)
}

// The daemon starts on such a database or refuses to, as the page says, and the doctor
// says the same. Where it refuses, what the page and the doctor give to do is done; then
// it starts. Then it completes a row.
func TestDatabases(t *testing.T) {
	t.Parallel()
	for _, s := range linesOfPage(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newShape(t, s.name)
			found, exit := w.doctor(t)
			if s.start == "refuses" {
				require.Equal(t, exitFailed, exit, found)
				w.require(t, found, s.says)
				w.require(t, w.refused(t), s.says)
				w.mend(t, found, s.advice)
			} else {
				require.NotContains(t, strings.ReplaceAll(found, "FAIL schema: migrations are pending", ""), "FAIL")
			}
			w.completes(t, s)
		})
	}
}

// shaped is a database of testdata, with an upstream.
type shaped struct {
	*world
	role string            // of the daemon, if it has one of its own
	more map[string]string // settings
}

func newShape(t *testing.T, name string) *shaped {
	t.Helper()
	w := &shaped{world: newWorldOn(t, "sunoapi", postgrestest.Empty(t)), more: map[string]string{}}
	sql := readShape(t, name)
	if strings.Contains(sql, ":role") {
		w.role = w.newRole(t)
		sql = strings.ReplaceAll(sql, ":role", w.role)
	}
	w.exec(t, sql)
	if w.role != "" { // the owner migrates
		out, exit := w.command(t, w.settings(), "migrate", "up")
		require.Zero(t, exit, out)
		w.exec(t, `GRANT USAGE ON SCHEMA tasksync TO `+w.role)
		w.exec(t, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA tasksync TO `+w.role)
		w.exec(t, `GRANT USAGE ON ALL SEQUENCES IN SCHEMA tasksync TO `+w.role)
		w.exec(t, `GRANT SELECT ON public.tasksync_goose_version TO `+w.role)
	}
	return w
}

// readShape reads a file, in which \i reads another.
func readShape(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata/databases", name+".sql"))
	require.NoError(t, err)
	var b strings.Builder
	for line := range strings.Lines(string(raw)) {
		if file, ok := strings.CutPrefix(line, `\i `); ok {
			line = readShape(t, strings.TrimSuffix(strings.TrimSpace(file), ".sql"))
		}
		b.WriteString(line)
	}
	return b.String()
}

// newRole makes a role for the daemon. Roles belong to the whole server.
func (w *shaped) newRole(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(w.url)
	require.NoError(t, err)
	role := "role_" + regexp.MustCompile(`[^a-z0-9]`).ReplaceAllString(strings.TrimPrefix(u.Path, "/"), "_")
	w.exec(t, `CREATE ROLE `+role+` LOGIN PASSWORD 'secret of the role'; GRANT `+role+` TO CURRENT_USER`)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), w.url)
		require.NoError(t, err)
		defer conn.Close(context.Background())
		_, err = conn.Exec(context.Background(), `DROP OWNED BY `+role+`; DROP ROLE `+role)
		require.NoError(t, err)
	})
	return role
}

// env returns the settings of the daemon.
func (w *shaped) env(t *testing.T) map[string]string {
	t.Helper()
	settings := w.with("TASKSYNC_TIMEOUT", "10m")
	if w.role != "" {
		u, err := url.Parse(w.url)
		require.NoError(t, err)
		u.User = url.UserPassword(w.role, "secret of the role")
		settings["DATABASE_URL"] = u.String()
	}
	for name, value := range w.more {
		settings[name] = value
	}
	return settings
}

// command runs tasksync to its end, and returns all that it wrote.
func (w *shaped) command(t *testing.T, settings map[string]string, args ...string) (out string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), worldPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1", "TASKSYNC_LOG_FORMAT=json")
	for name, value := range settings {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	_ = cmd.Run()
	require.NoError(t, ctx.Err(), "it ends\n%s", b.String())
	return b.String(), cmd.ProcessState.ExitCode()
}

func (w *shaped) doctor(t *testing.T) (out string, exit int) {
	t.Helper()
	return w.command(t, w.env(t), "doctor")
}

// refused starts a daemon that refuses, and returns what it says.
func (w *shaped) refused(t *testing.T) string {
	t.Helper()
	out, exit := w.command(t, w.env(t), "run")
	require.Equal(t, exitFailed, exit, out)
	return unquoted(out)
}

// unquoted is a text of the log without the backslashes that JSON puts before quotes.
func unquoted(text string) string { return strings.ReplaceAll(text, `\"`, `"`) }

func (w *shaped) require(t *testing.T, text string, says []string) {
	t.Helper()
	require.NotEmpty(t, says, "the page quotes a message")
	for _, s := range says {
		require.Contains(t, text, strings.ReplaceAll(s, "role app", "role "+w.role))
	}
}

// mend does what the page and the doctor give to do: settings in the page, else the SQL
// that the doctor printed, as the owner.
func (w *shaped) mend(t *testing.T, found, advice string) {
	t.Helper()
	for _, s := range setting.FindAllStringSubmatch(advice, -1) {
		w.more[s[1]] = s[2]
	}
	if len(w.more) > 0 {
		return
	}
	sql := printedSQL(found)
	if m := statement.FindStringSubmatch(advice); m != nil {
		sql = m[1]
	}
	require.NotEmpty(t, sql, found)
	w.exec(t, sql)
}

// printedSQL returns the statements that the doctor printed.
func printedSQL(found string) string {
	var b strings.Builder
	for line := range strings.Lines(found) {
		if strings.HasPrefix(line, "        ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// completes has the daemon complete a row, and the doctor find nothing bad then.
func (w *shaped) completes(t *testing.T, s pageLine) {
	t.Helper()
	d := start(t, w.env(t), "run")
	d.ready(t)
	taskID := w.sim.Submit(task.Generate, simulator.Ready)
	w.exec(t, `INSERT INTO music_generations (task_id, task_type) VALUES ($1, 'generate')`, taskID)
	w.await(t, d, "the row is complete", func() bool {
		return w.count(t, `SELECT count(*) FROM music_generations WHERE task_id = $1 AND lower(status) IN ('complete', 'completed')`, taskID) == 1
	})
	require.Equal(t, 2, w.count(t, `SELECT count(*) FROM music_clips WHERE audio_url <> ''`))
	found, exit := w.doctor(t)
	require.Zero(t, exit, found)
	if s.start == "warns" {
		w.require(t, d.output(), s.says)
	}
	require.Zero(t, d.stop(t), tail(d.output()))
}

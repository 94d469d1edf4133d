package main

import (
	"encoding/json"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
	"tasksync/internal/simulator"
	"tasksync/task"
)

const deploy = "../../deploy/"

// as returns the address with another user.
func as(t *testing.T, address, user string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.UserPassword(user, "secret of "+user)
	return u.String()
}

// deploy/roles.sql gives each role what it needs, and no more. Roles belong to a whole
// server, so the test has its own.
func TestRoles(t *testing.T) {
	t.Parallel()
	server, err := postgres.Start(t.Context(), postgres.Config{Version: os.Getenv("TASKSYNC_TEST_PG")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	pool, err := pgxpool.New(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	exec := func(sql string) {
		t.Helper()
		_, err := pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	roles, err := os.ReadFile(deploy + "roles.sql")
	require.NoError(t, err)
	exec(string(roles))
	exec(`ALTER ROLE tasksync_migrator PASSWORD 'secret of tasksync_migrator'; ALTER ROLE tasksync PASSWORD 'secret of tasksync'`)
	code, out := tasksync("migrate", "up", "--database-url", as(t, server.URL(), "tasksync_migrator"))
	require.Zero(t, code, out)
	exec(string(roles)) // as the file says, and a second time does no harm

	w := &e2e{provider: "sunoapi", seed: 1, url: as(t, server.URL(), "tasksync"), pool: pool}
	w.serve(t, simulator.Config{Speed: e2eSpeed})
	settings := w.settings()
	settings["TASKSYNC_SETTLE"] = "credits.settle_generation"
	exec(`CREATE SCHEMA credits; CREATE TABLE credits.calls (generation_id uuid, round integer, PRIMARY KEY (generation_id, round));
		CREATE FUNCTION credits.settle_generation(generation_id uuid, round integer, outcome text, code text, details jsonb) RETURNS void
		LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'INSERT INTO credits.calls VALUES (generation_id, round)';
		REVOKE ALL ON FUNCTION credits.settle_generation FROM PUBLIC`)
	refused := start(t, settings, "run", "--no-migrate")
	<-refused.done
	require.Contains(t, refused.output(), "GRANT USAGE ON SCHEMA")
	for _, grant := range regexp.MustCompile(`(?m)^-- +(GRANT .*credits.*;)$`).FindAllStringSubmatch(string(roles), -1) {
		exec(grant[1])
	}
	d := start(t, settings, "run", "--no-migrate")
	d.ready(t)
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		for _, kind := range []task.Type{task.Generate, task.Lyrics, task.Extend} {
			if err := w.insert(t.Context(), tx, kind, simulator.Success); err != nil {
				return err
			}
		}
		return nil
	}))
	w.settle(t, func() *process { return d })
	w.verify(t)
	require.Len(t, collect[struct{ ID string }](t, pool, `SELECT generation_id::text FROM credits.calls`), 3)
	var failed, any string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT id FROM music_generations WHERE status = 'complete' LIMIT 1`).Scan(&any))
	require.NoError(t, pool.QueryRow(t.Context(), `UPDATE music_generations SET status = 'failed', error_code = 'API_ERROR' WHERE id = $1 RETURNING id`, any).Scan(&failed))
	for _, args := range [][]string{{"pending"}, {"migrate", "status"}, {"retry", failed}, {"sync", failed}, {"feed", "trigger", "status"}, {"doctor"}} {
		p := start(t, settings, args...)
		<-p.done
		require.NotContains(t, p.output(), "permission denied", args)
		require.Zero(t, p.cmd.ProcessState.ExitCode(), "%v: %s", args, p.output())
	}
	require.NotContains(t, d.output(), "permission denied")

	runtime, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(runtime.Close)
	for _, sql := range []string{
		`DELETE FROM music_generations`, `TRUNCATE music_clips`, `ALTER TABLE music_generations ADD COLUMN x int`, `CREATE TABLE public.x ()`,
		`INSERT INTO music_generations DEFAULT VALUES`, `DROP TABLE tasksync.generation_events`,
	} {
		_, err := runtime.Exec(t.Context(), sql)
		require.Error(t, err, sql)
	}
}

// Each alert links to a paragraph that exists, and asks for metrics that exist; so does
// the dashboard.
func TestAlertsAndDashboardNameWhatExists(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		return string(raw)
	}
	runbook, metrics := read("../../docs/runbook.md"), read("../../docs/metrics.md")
	alerts, dashboard := read(deploy+"prometheus/alerts.yaml"), read(deploy+"grafana/dashboard.json")
	require.True(t, json.Valid([]byte(dashboard)))
	links := regexp.MustCompile(`docs/runbook\.md#(\S+)`).FindAllStringSubmatch(alerts, -1)
	require.Len(t, links, strings.Count(alerts, "alert:"))
	for _, link := range links {
		require.Contains(t, runbook, "### "+link[1]+"\n")
	}
	for _, heading := range regexp.MustCompile(`(?m)^### (tasksync_\S+)$`).FindAllStringSubmatch(runbook, -1) {
		if !slices.Contains([]string{"tasksync_late_results_total", "tasksync_detection_delay_seconds", "tasksync_look_model_rows", "tasksync_feed_mode"}, heading[1]) {
			require.Contains(t, alerts, "runbook.md#"+heading[1]+"\n", "what the runbook explains has an alert, unless the limit is a matter of taste")
		}
	}
	tests := read(deploy + "prometheus/alerts_test.yaml")
	for _, name := range regexp.MustCompile(`alert: (\S+)`).FindAllStringSubmatch(alerts, -1) {
		require.Contains(t, tests, "alertname: "+name[1]+"\n")
	}
	for _, name := range regexp.MustCompile(`tasksync_[a-z_]+`).FindAllString(regexp.MustCompile(`runbook: \S+`).ReplaceAllString(alerts, "")+dashboard, -1) {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, suffix)
		}
		require.Contains(t, metrics, "`"+name+"`")
	}
}

package doctor_test

import (
	"context"
	"net"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/daemon"
	"tasksync/feed"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/upstream/sunoapi"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// bundle is a database to examine.
type bundle struct {
	*testing.T
	database string
	pool     *pgxpool.Pool
	upstream string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	database := postgrestest.URL(t)
	pool, err := pgxpool.New(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	sim := simulator.New(simulator.Config{Provider: "sunoapi", Seed: 1})
	api := httptest.NewServer(sim)
	t.Cleanup(func() {
		sim.Close()
		api.Close()
	})
	return &bundle{T: t, database: database, pool: pool, upstream: api.URL}
}

func (b *bundle) config() daemon.Config {
	return daemon.Config{
		DatabaseURL: b.database, ListenAddr: "127.0.0.1:0",
		Providers: []daemon.Provider{{Provider: sunoapi.SunoAPI(), APIKey: "key-of-the-test", APIURL: b.upstream}},
	}
}

// run runs a daemon until the end of the test, and returns when all of it works.
func (b *bundle) run() {
	b.Helper()
	cfg, started, ended := b.config(), make(chan struct{}), make(chan error, 1)
	cfg.Started = func(net.Addr) { close(started) }
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- daemon.Run(ctx, cfg) }()
	b.Cleanup(func() {
		cancel()
		require.NoError(b, <-ended)
	})
	select {
	case <-started:
	case <-time.After(30 * time.Second):
		require.Fail(b, "it does not start")
	}
}

// examine returns what the doctor says, a line for each finding.
func (b *bundle) examine(cfg daemon.Config) string {
	b.Helper()
	var lines []string
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(b, daemon.Examine(ctx, cfg, func(f daemon.Finding) { lines = append(lines, f.String()) }))
	text := strings.Join(lines, "\n")
	require.NotContains(b, text, "key-of-the-test")
	u, err := url.Parse(b.database)
	require.NoError(b, err)
	password, _ := u.User.Password()
	require.NotEmpty(b, password)
	require.NotContains(b, text, ":"+password+"@")
	return text
}

func TestDoctorOfAHealthySystem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.examine(b.config())
	require.NotContains(t, before, "FAIL")
	require.Contains(t, before, "warn feed: no daemon is the feed")
	const limit = "ok   limit: sunoapi: 20 calls in 10s, for all daemons of this database with this key; "
	require.Contains(t, before, limit+"none is running")
	b.run()
	require.Eventually(t, func() bool {
		return strings.Contains(b.examine(b.config()), limit+"one is running, with a share of ")
	}, 20*time.Second, 100*time.Millisecond)
	text := b.examine(b.config())
	require.NotContains(t, text, "FAIL")
	require.NotContains(t, text, "warn")
	for _, want := range []string{
		"ok   settings: provider sunoapi", "ok   database: Postgres ", "ok   schema: current", "owns music_generations",
		"ok   DATABASE_URL: LISTEN works", "ok   triggers: on", "ok   feed: auto chooses notify", "is the feed, last heard of ",
		"ok   slot: none, and none is needed", "ok   provider sunoapi: accepts the key; 1000 credits left", "ok   looks: nothing was learnt yet", "ok   rows: 0 pending",
	} {
		require.Contains(t, text, want)
	}
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO music_generations (task_id, task_type) VALUES ('t', 'remix')`)
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `INSERT INTO music_generations (task_id, task_type, provider, created_at)
		VALUES ('t', 'generate', 'acme', now() - interval '1 hour'), ('t', 'generate', NULL, now() - interval '1 hour')`)
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `INSERT INTO music_generations (task_id, task_type) VALUES (NULL, 'generate')`)
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `SELECT pg_create_logical_replication_slot('tasksync_' || oid, 'pgoutput') FROM pg_database WHERE datname = current_database()`)
	require.NoError(t, err)
	u, err := url.Parse(b.database)
	require.NoError(t, err)
	u.User = url.UserPassword(u.User.Username(), "wrong hunter2")
	for name, tc := range map[string]struct {
		change func(*daemon.Config)
		want   []string
	}{
		"rows": {func(*daemon.Config) {}, []string{
			`1 pending of unknown task type "remix"`, `1 pending of provider "acme", which is not configured`, "4 pending, 1 of them past the deadline",
			"no daemon reads from it", "warn rows: 1 pending without a task_id",
		}},
		"settings":  {func(c *daemon.Config) { c.Providers[0].APIKey = "" }, []string{"FAIL settings: ", "Providers[0].APIKey", "ok   schema"}},
		"password":  {func(c *daemon.Config) { c.DatabaseURL = u.String() }, []string{"FAIL database", "check user and password"}},
		"no URL":    {func(c *daemon.Config) { c.DatabaseURL = "" }, []string{"FAIL settings: ", "DatabaseURL is not set"}},
		"no schema": {func(c *daemon.Config) { c.DatabaseURL = postgrestest.Empty(t) }, []string{"FAIL schema: migrations are pending", "tasksync migrate up"}},
		"poll":      {func(c *daemon.Config) { c.Feed = feed.Poll }, []string{"announced without a listener", "tasksync feed trigger off"}},
		"wal":       {func(c *daemon.Config) { c.Feed = feed.WAL }, []string{"ok   wal: "}},
		"another database": {
			func(c *daemon.Config) { c.Feed, c.ListenURL = feed.Notify, postgrestest.Empty(t) },
			[]string{"FAIL TASKSYNC_LISTEN_URL: ", "FAIL feed: notify needs a session"},
		},
		"auto polls": {func(c *daemon.Config) { c.ListenURL = postgrestest.Empty(t) }, []string{"warn feed: auto chooses poll"}},
	} {
		cfg := b.config()
		tc.change(&cfg)
		text := b.examine(cfg)
		for _, want := range tc.want {
			require.Contains(t, text, want, name)
		}
		require.NotContains(t, text, "hunter2")
	}
	require.NoError(t, daemon.SetTriggers(t.Context(), b.pool, false))
	require.Contains(t, b.examine(b.config()), "tasksync feed trigger on")
	_, err = b.pool.Exec(t.Context(), `DROP TRIGGER tasksync_notify_update ON music_generations`)
	require.NoError(t, err)
	require.Contains(t, b.examine(b.config()), "FAIL triggers: ")
}

// A column of free texts does not fill the terminal.
func TestDoctorNamesFewOddWords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO music_generations (task_id, task_type, status) SELECT n, 'generate', 'odd ' || n FROM generate_series(1, 200) AS n`)
	require.NoError(t, err)
	text := b.examine(b.config())
	require.Equal(t, 10, strings.Count(text, `status "odd `))
	require.Contains(t, text, "warn status words: 40 more such words, or more: `tasksync pending --ignored` lists the rows")
}

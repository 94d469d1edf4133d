package daemon

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/feed"
	"tasksync/internal/postgres/postgrestest"
)

// examine is what the doctor says, a line for each finding.
func (b *bundle) examine(cfg Config) string {
	b.Helper()
	var lines []string
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(b, Doctor(ctx, cfg, func(f Finding) { lines = append(lines, f.String()) }))
	text := strings.Join(lines, "\n")
	require.NotContains(b, text, "key-of-the-test")
	require.NotContains(b, text, ":"+password(b.T, b.database)+"@")
	return text
}

func TestDoctorOfAHealthySystem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.examine(b.config())
	require.NotContains(t, before, "FAIL")
	require.Contains(t, before, "warn feed: no daemon is the feed")
	b.run(b.config())
	text := b.examine(b.config())
	require.NotContains(t, text, "FAIL")
	require.NotContains(t, text, "warn")
	for _, want := range []string{
		"ok   settings: provider sunoapi", "ok   database: Postgres ", "ok   schema: current", "owns music_generations",
		"ok   DATABASE_URL: LISTEN works", "ok   triggers: on", "ok   feed: auto chooses notify", "is the feed, last heard of ",
		"ok   slot: none, and none is needed", "ok   rows: 0 pending",
	} {
		require.Contains(t, text, want)
	}
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insert("remix", "t")
	_, err := b.pool.Exec(t.Context(), `INSERT INTO music_generations (task_id, task_type, provider, created_at)
		VALUES ('t', 'generate', 'acme', now() - interval '1 hour'), ('t', 'generate', NULL, now() - interval '1 hour')`)
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `SELECT pg_create_logical_replication_slot('tasksync_' || oid, 'pgoutput') FROM pg_database WHERE datname = current_database()`)
	require.NoError(t, err)
	u, err := url.Parse(b.database)
	require.NoError(t, err)
	u.User = url.UserPassword(u.User.Username(), "wrong hunter2")
	for name, tc := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"rows": {func(*Config) {}, []string{
			`1 pending of unknown task type "remix"`, `1 pending of provider "acme", which is not configured`, "3 pending, 1 of them past the deadline",
			"nobody reads from it",
		}},
		"settings":  {func(c *Config) { c.Providers[0].APIKey = "" }, []string{"FAIL settings: ", "Providers[0].APIKey", "ok   schema"}},
		"password":  {func(c *Config) { c.DatabaseURL = u.String() }, []string{"FAIL database", "check user and password"}},
		"no URL":    {func(c *Config) { c.DatabaseURL = "" }, []string{"FAIL settings: ", "DatabaseURL is not set"}},
		"no schema": {func(c *Config) { c.DatabaseURL = postgrestest.Empty(t) }, []string{"FAIL schema: migrations are pending", "tasksync migrate up"}},
		"poll":      {func(c *Config) { c.Feed = feed.Poll }, []string{"announced to nobody", "tasksync feed trigger off"}},
		"wal":       {func(c *Config) { c.Feed = feed.WAL }, []string{"ok   wal: "}},
		"another database": {
			func(c *Config) { c.Feed, c.ListenURL = feed.Notify, postgrestest.Empty(t) },
			[]string{"FAIL TASKSYNC_LISTEN_URL: ", "FAIL feed: notify needs a session"},
		},
		"auto polls": {func(c *Config) { c.ListenURL = postgrestest.Empty(t) }, []string{"warn feed: auto chooses poll"}},
	} {
		cfg := b.config()
		tc.change(&cfg)
		text := b.examine(cfg)
		for _, want := range tc.want {
			require.Contains(t, text, want, name)
		}
		require.NotContains(t, text, "hunter2")
	}
	require.NoError(t, SetTriggers(t.Context(), b.pool, false))
	require.Contains(t, b.examine(b.config()), "tasksync feed trigger on")
	_, err = b.pool.Exec(t.Context(), `DROP TRIGGER tasksync_notify_update ON music_generations`)
	require.NoError(t, err)
	require.Contains(t, b.examine(b.config()), "FAIL triggers: ")
}

// Whatever the feed, a row is brought to its end over at most ten connections.
func TestEveryFeed(t *testing.T) {
	t.Parallel()
	for _, mode := range Feeds() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			cfg := b.config()
			cfg.Feed = mode
			r := b.run(cfg)
			var ids []string
			for range 50 {
				ids = append(ids, b.submit())
			}
			b.until("all are done", func() bool { return b.done(ids...) })
			require.True(t, r.ready())
			require.LessOrEqual(t, b.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tasksync%'`), 10)
			want := mode
			if mode == feed.Auto {
				want = feed.Notify
			}
			b.until("it shows its mode", func() bool {
				_, metrics := r.get("/metrics")
				return strings.Contains(metrics, "tasksync_feed_up 1") && strings.Contains(metrics, `tasksync_feed_mode{mode="`+want+`"} 1`)
			})
			require.Less(t, b.stop(r), 10*time.Second)
		})
	}
}

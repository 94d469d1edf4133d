package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/feed"
)

// TestEveryFeed: a daemon completes rows over at most ten connections.
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

// The sessions of a feed last: what bounds the leave-taking of a session that was cut
// does not end one that works.
func TestFeedSessionsLast(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{feed.Notify, feed.WAL} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			cfg := b.config()
			cfg.Feed = mode
			b.run(cfg)
			sessions := func() int {
				return b.count(`SELECT coalesce(sum(pid), 0) FROM pg_stat_activity WHERE datname = current_database() AND application_name IN ('tasksync wal', 'tasksync feed')`)
			}
			id := b.submit()
			b.until("it works", func() bool { return b.done(id) })
			before := sessions()
			require.NotZero(t, before)
			b.exec(`SELECT pg_sleep(4)`) // a while, by the server's clock
			require.Equal(t, before, sessions())
			require.NotContains(t, b.log.String(), "WARN")
		})
	}
}

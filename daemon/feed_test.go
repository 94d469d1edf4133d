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

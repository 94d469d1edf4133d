//go:build netadmin

package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/feed"
	"tasksync/internal/postgres/postgrestest"
)

// TestHalfOpenWALConnection needs root (`make halfopen`), to have packets dropped.
//
// Only the connection to the WAL is half open: in the midst of a large transaction
// the server does not answer for a while, but its machine acknowledges keepalives.
func TestHalfOpenWALConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := postgrestest.NewProxy(t, "127.0.0.1:0", b.database)
	cfg := b.config()
	cfg.Feed, cfg.ListenURL = feed.WAL, p.URL()
	r := b.run(cfg)
	reads := func() bool {
		_, metrics := r.get("/metrics")
		return strings.Contains(metrics, `tasksync_feed_mode{mode="wal"} 1`)
	}
	b.until("it reads the WAL", reads)
	p.Drop(t, b.count(`SELECT client_port FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tasksync wal'`))
	began := time.Now()
	missed := b.submit()
	b.within(time.Minute, "it notices", func() bool { return strings.Contains(b.log.String(), "The WAL is not read") })
	t.Log("noticed after", time.Since(began))
	require.Contains(t, b.log.String(), "connection timed out")
	b.until("it reads again", reads)
	t.Log("reads again after", time.Since(began))
	b.until("nothing is lost", func() bool { return b.done(missed) })
}

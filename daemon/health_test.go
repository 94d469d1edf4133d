package daemon

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/database"
	"tasksync/internal/wait"
	"tasksync/migrations"
)

// TestTablesThatGoAway: a running daemon says that tables are missing and what to do.
// After that it works again, and sweeps the rows that came meanwhile.
func TestTablesThatGoAway(t *testing.T) {
	t.Parallel()
	for gone, drop := range map[string]string{
		"tasksync.river_job":         `DROP TABLE tasksync.river_job CASCADE`,
		"tasksync.river_leader":      `DROP SCHEMA tasksync CASCADE`,
		"tasksync.generation_events": `DROP TABLE tasksync.generation_events`,
	} {
		t.Run(drop, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			r := b.run(b.config())
			require.True(t, r.ready())
			b.drop(drop)
			b.until("it notices", func() bool { return strings.Contains(r.reasons()["database"], gone) })
			require.Contains(t, r.reasons()["database"], "tasksync migrate up")
			require.Contains(t, b.examine(b.config()), "FAIL schema: tables are missing: ")
			id := b.submit()

			b.drop(`DROP SCHEMA IF EXISTS tasksync CASCADE; DROP TABLE public.tasksync_goose_version`)
			m, err := migrations.Open(b.pool)
			require.NoError(t, err)
			_, err = m.Up(t.Context())
			require.NoError(t, err)
			require.NoError(t, m.Close())
			// A commit may have met a schema that the migrations had made in part: then the row is
			// tried again later, like any row that the database rejects.
			b.within(2*time.Minute, "it is done", func() bool { return b.done(id) })
			b.until("it is ready", r.ready)
		})
	}
}

// drop drops what a running daemon uses. It tries again when the daemon held the same
// locks in another order.
func (b *bundle) drop(sql string) {
	b.Helper()
	b.until(sql, func() bool {
		_, err := b.pool.Exec(context.Background(), sql)
		if database.Code(err) != "40P01" { // deadlock_detected
			require.NoError(b, err, sql)
		}
		return err == nil
	})
}

// TestReadinessAsksOnceASecond, however many requests there are.
func TestReadinessAsksOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		h := newHealth()
		h.check("part", func() string {
			asked.Add(1)
			return "away"
		})
		for second := range 3 {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() { require.Equal(t, map[string]string{"part": "away"}, h.notReady()) })
			}
			all.Wait()
			require.EqualValues(t, second+1, asked.Load())
			require.NoError(t, wait.For(t.Context(), time.Second))
		}
	})
}

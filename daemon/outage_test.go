package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
)

// TestLogOfAnOutage: every part fails in its own way, again and again, and the log has a
// few lines at the beginning and then one a minute, with many rows under way.
func TestLogOfAnOutage(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	database, err := server.CreateDatabase(t.Context(), "app")
	require.NoError(t, err)
	b := setupOn(t, database)
	r := b.run(b.config())
	first := b.submit()
	b.until("it works", func() bool { return b.done(first) })
	for range 100 {
		b.submit(simulator.HTTP500)
	}
	before := len(b.log.String())
	require.NoError(t, server.Halt())
	<-time.After(10 * time.Second)
	during := b.log.String()[before:]
	require.NoError(t, server.Resume(t.Context()))
	b.within(time.Minute, "all is well again", r.ready)
	warnings := strings.Count(during, "level=WARN") + strings.Count(during, "level=ERROR")
	require.LessOrEqual(t, warnings, 20, during)
}

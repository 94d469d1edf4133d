//go:build pgbouncer

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
)

// A pooler keeps sessions of the read-only time and lends them out when it is over:
// they end themselves, and the daemon goes on.
func TestPoolerKeepsReadOnlySessions(t *testing.T) {
	t.Parallel()
	w, admin := worldOn(t, postgrestest.Server(t))
	pooled := postgrestest.PgBouncer(t, w.url, "transaction")
	d := start(t, w.with("DATABASE_URL", pooled, "TASKSYNC_TIMEOUT", "10m"), "run")
	addr := d.ready(t)
	tasks := w.add(t, 10, simulator.Success, 0)
	w.asked(t, d, 1, tasks...)
	do(t, admin, `ALTER DATABASE app SET default_transaction_read_only = on`, endSessions)
	w.finish()
	w.await(t, d, "readiness says that it is read-only", func() bool {
		status, body := get(t, "http://"+addr+"/readyz")
		return status == 503 && strings.Contains(body, "read-only")
	})
	do(t, admin, `ALTER DATABASE app RESET default_transaction_read_only`)
	w.complete(t, d, worldPatience, tasks...)
	w.await(t, d, "it is ready", func() bool {
		status, _ := get(t, "http://"+addr+"/readyz")
		return status == 200
	})
	w.ended(t, d)
	require.NotContains(t, d.output(), "word-of-app")
}

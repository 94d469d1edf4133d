package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
)

// promote makes a standby the primary.
func promote(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	do(t, conn, `SELECT pg_promote()`)
}

// A daemon that is given a standby says so, in its log, in readiness and by doctor,
// and waits: a failover may promote it. When that happens it goes to work.
func TestStandbyIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	w, _ := worldOn(t, server)
	d := start(t, w.with(), "run")
	d.ready(t)
	require.Zero(t, d.stop(t))
	standby := postgrestest.Standby(t, server)
	url := strings.Replace(w.url, server.Addr(), standby, 1)

	var out strings.Builder
	require.Equal(t, exitFailed, run([]string{"doctor", "--database-url", url, "--api-key", "k"}, &out, &out))
	require.Contains(t, out.String(), "is a standby")
	require.Contains(t, out.String(), "give the address of the primary")
	out.Reset()
	require.Equal(t, exitFailed, run([]string{"migrate", "up", "--database-url", url}, &out, &out))
	require.Contains(t, out.String(), "target_session_attrs=read-write")

	listen := freeAddr(t)
	d = start(t, w.with("DATABASE_URL", url, "TASKSYNC_TIMEOUT", "10m", "TASKSYNC_ADMIN_ADDR", listen), "run")
	w.await(t, d, "the log says that it is a standby", func() bool { return strings.Contains(d.output(), "is a standby") })
	status, body := get(t, "http://"+listen+"/readyz")
	require.Equal(t, 503, status)
	require.Contains(t, body, "is a standby")
	require.Equal(t, 1, warnings(d.output()), d.output())
	promote(t, strings.Replace(server.DatabaseURL("postgres"), server.Addr(), standby, 1))
	d.ready(t)
	require.Zero(t, d.stop(t), tail(d.output()))
}

// With the hosts of all servers in the address the daemon works with the primary,
// and follows it to the standby that is promoted.
func TestPrimaryIsFoundAmongHosts(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	w, _ := worldOn(t, server)
	standby := postgrestest.Standby(t, server)
	both := strings.Replace(w.url, server.Addr(), standby+","+server.Addr(), 1)
	d := start(t, w.with("DATABASE_URL", both, "TASKSYNC_TIMEOUT", "10m"), "run")
	addr := d.ready(t)
	tasks := w.add(t, 10, simulator.Success, 0)
	w.asked(t, d, 1, tasks...)
	caught := `SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()`
	admin := superuser(t, server, "app")
	w.await(t, d, "the standby has all", func() bool {
		var n int
		require.NoError(t, admin.QueryRow(t.Context(), caught).Scan(&n))
		return n == 1
	})
	require.NoError(t, server.Halt())
	fallen := time.Now()
	w.await(t, d, "readiness is lost", func() bool {
		status, _ := get(t, "http://"+addr+"/readyz")
		return status == 503
	})
	promote(t, strings.Replace(server.DatabaseURL("postgres"), server.Addr(), standby, 1))
	w.finish()
	w.e2e.url = strings.Replace(w.url, server.Addr(), standby, 1)
	w.reconnect(t)
	w.complete(t, d, worldPatience, tasks...)
	t.Logf("complete %s after the primary fell; %d warnings", time.Since(fallen).Round(100*time.Millisecond), warnings(d.output()))
	w.ended(t, d)
}

// The primary itself becomes a standby, at the same address, and is promoted again.
func TestPrimaryBecomesAStandby(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	w, admin := worldOn(t, server)
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	addr := d.ready(t)
	tasks := w.add(t, 10, simulator.Success, 0)
	w.asked(t, d, 1, tasks...)
	var data string
	require.NoError(t, admin.QueryRow(t.Context(), `SHOW data_directory`).Scan(&data))
	require.NoError(t, server.Halt())
	touch, err := postgres.Command(t.Context(), "touch", data+"/standby.signal")
	require.NoError(t, err)
	require.NoError(t, touch.Run())
	require.NoError(t, server.Resume(t.Context()))
	w.finish()
	w.await(t, d, "readiness says that it is a standby", func() bool {
		status, body := get(t, "http://"+addr+"/readyz")
		return status == 503 && strings.Contains(body, "is a standby")
	})
	before := len(d.output()) // until here each part may have noticed the crash once
	<-time.After(5 * time.Second)
	phase := d.output()[before:]
	promote(t, server.URL())
	promoted := time.Now()
	w.reconnect(t)
	w.complete(t, d, worldPatience, tasks...)
	t.Logf("complete %s after the promotion; %d warnings in five seconds before it", time.Since(promoted).Round(100*time.Millisecond), warnings(phase))
	require.LessOrEqual(t, warnings(phase), 2, phase)
	w.ended(t, d)
}

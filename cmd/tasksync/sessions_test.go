package main

import (
	"context"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
)

// worldOn is a world on a server of its own, whose settings the test changes. The
// daemon's role owns the database, and admin is a superuser's connection to it.
func worldOn(t *testing.T, server *postgres.Server) (w *world, admin *pgx.Conn) {
	t.Helper()
	w = &world{e2e: &e2e{provider: "sunoapi", seed: worldSeed, url: postgrestest.Owned(t, server), rows: map[string]string{}}}
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.pool = pool
	began := time.Now()
	w.sim = simulator.New(simulator.Config{Provider: w.provider, Seed: w.seed, Now: func() time.Time { return began.Add(time.Duration(w.ahead.Load())) }})
	w.front = newFront(w.sim)
	w.api = httptest.NewServer(w.front)
	t.Cleanup(func() {
		w.sim.Close()
		w.api.Close()
	})
	return w, superuser(t, server, "app")
}

func superuser(t *testing.T, server *postgres.Server, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.DatabaseURL(database))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// do runs statements one by one: some of them do not run in a transaction.
func do(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := conn.Exec(context.WithoutCancel(t.Context()), statement)
		require.NoError(t, err, statement)
	}
}

// warnings counts the lines of a log from a place on that are warnings or errors.
func warnings(log string) (n int) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"WARN"`) || strings.Contains(line, `"level":"ERROR"`) {
			n++
		}
	}
	return n
}

const endSessions = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'`

// The database is read-only for ten seconds, in each of the ways in which an operator
// or a provider does that. Nothing is lost, readiness says why, the log has a few
// lines, and everything goes on when it is over: no session keeps the setting.
func TestReadOnlyForAWhile(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]struct{ on, off []string }{
		"database, wal": {
			[]string{`ALTER DATABASE app SET default_transaction_read_only = on`, endSessions},
			[]string{`ALTER DATABASE app RESET default_transaction_read_only`},
		},
		"system": {
			[]string{`ALTER SYSTEM SET default_transaction_read_only = on`, `SELECT pg_reload_conf()`},
			[]string{`ALTER SYSTEM RESET default_transaction_read_only`, `SELECT pg_reload_conf()`},
		},
		"database": {
			[]string{`ALTER DATABASE app SET default_transaction_read_only = on`, endSessions},
			[]string{`ALTER DATABASE app RESET default_transaction_read_only`},
		},
		"role": {
			[]string{`ALTER ROLE app SET default_transaction_read_only = on`, endSessions},
			[]string{`ALTER ROLE app RESET default_transaction_read_only`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, admin := worldOn(t, postgrestest.Server(t))
			do(t, admin, `SET default_transaction_read_only = off`)
			settings := w.with("TASKSYNC_TIMEOUT", "10m")
			if strings.Contains(name, "wal") {
				settings["TASKSYNC_FEED"] = "wal"
			}
			d := start(t, settings, "run")
			addr := d.ready(t)
			tasks := w.add(t, 40, simulator.Success, 0)
			w.asked(t, d, 1, tasks...)
			before := len(d.output())
			do(t, admin, way.on...)
			do(t, admin, `CREATE TABLE began AS SELECT clock_timestamp() AS at`)
			w.finish()
			w.await(t, d, "readiness says that it is read-only", func() bool {
				status, body := get(t, "http://"+addr+"/readyz")
				return status == 503 && strings.Contains(body, "read-only")
			})
			<-time.After(10 * time.Second)
			_, body := get(t, "http://"+addr+"/readyz")
			require.Contains(t, body, "default_transaction_read_only")
			require.Contains(t, body, "RESET default_transaction_read_only")
			require.Equal(t, 40, w.count(t, `SELECT count(*) FROM music_generations WHERE status NOT IN ('complete', 'failed')`))
			phase := d.output()[before:]
			do(t, admin, `CREATE TABLE ended AS SELECT clock_timestamp() AS at`)
			do(t, admin, way.off...)
			over := time.Now()
			w.await(t, d, "a row is complete", func() bool {
				return w.count(t, `SELECT count(*) FROM music_generations WHERE status = 'complete'`) > 0
			})
			t.Logf("%s: the first commit came %s after the end; %d warnings in the phase", name, time.Since(over).Round(10*time.Millisecond), warnings(phase))
			w.complete(t, d, worldPatience, tasks...)
			w.await(t, d, "it is ready", func() bool {
				status, _ := get(t, "http://"+addr+"/readyz")
				return status == 200
			})
			// A session takes 5 s at most to be opened: one that began shortly before the end
			// may have read the settings after it.
			var left int
			require.NoError(t, admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity, began, ended
				WHERE usename = 'app' AND application_name LIKE 'tasksync%' AND backend_start BETWEEN began.at AND ended.at - interval '6 seconds'`).Scan(&left))
			// A reload of the configuration changes the sessions that are open, too.
			require.True(t, left == 0 || name == "system", "a session is left of the read-only time")
			require.LessOrEqual(t, warnings(phase), 3, phase)
			require.Contains(t, d.output()[before:], "The database takes writes again")
			for line := range strings.Lines(d.output()[before:]) {
				if strings.Contains(line, "takes writes again") {
					t.Log(line)
				}
			}
			w.ended(t, d)
		})
	}
}

// reconnect has the test look at the database at w.url.
func (w *world) reconnect(t *testing.T) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.pool = pool
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

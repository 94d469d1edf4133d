package main

import (
	"crypto/tls"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
)

// ends waits until a process that cannot work has ended by itself, and returns its
// exit status and output.
func (p *process) ends(t *testing.T) (exit int, output string) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		t.Fatalf("it tries for ever\n%s", p.output())
	}
	return p.cmd.ProcessState.ExitCode(), p.output()
}

// fakeServer answers the first message of each connection, after TLS if it has a
// certificate, with an error of a server's.
func fakeServer(t *testing.T, answer *pgproto3.ErrorResponse, certificates ...tls.Certificate) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	serve := func(conn net.Conn) {
		defer conn.Close()
		for {
			head := make([]byte, 8)
			if _, err := io.ReadFull(conn, head); err != nil {
				return
			}
			if binary.BigEndian.Uint32(head[4:]) != 80877103 { // the wish for TLS
				break
			}
			if len(certificates) == 0 {
				_, _ = conn.Write([]byte("N"))
				continue
			}
			_, _ = conn.Write([]byte("S"))
			conn = tls.Server(conn, &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12})
		}
		message, err := answer.Encode(nil)
		if err == nil {
			_, _ = conn.Write(message)
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return l.Addr().String()
}

// What waiting does not mend ends the start, with what to do.
func TestStartEndsWithTheNextStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	good, err := url.Parse(w.url)
	require.NoError(t, err)
	with := func(change func(u *url.URL, q url.Values)) string {
		u, q := *good, good.Query()
		change(&u, q)
		u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
		return u.String()
	}
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	root := filepath.Join(t.TempDir(), "root.pem")
	require.NoError(t, os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600))
	refuses := &pgproto3.ErrorResponse{Severity: "FATAL", Code: "XX000", Message: "Tenant or user not found"}
	encrypted := fakeServer(t, refuses, secure.TLS.Certificates...)
	_, port, err := net.SplitHostPort(encrypted)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		url  string
		exit int
		want []string
	}{
		"no TLS":             {with(func(_ *url.URL, q url.Values) { q.Set("sslmode", "require") }), exitFailed, []string{"refused TLS", "ssl = on", "sslmode=disable"}},
		"verify-full":        {with(func(_ *url.URL, q url.Values) { q.Set("sslmode", "verify-full") }), exitFailed, []string{"refused TLS", "ssl = on"}},
		"no channel binding": {with(func(_ *url.URL, q url.Values) { q.Set("channel_binding", "require") }), exitFailed, []string{"channel binding required", "TLS up to Postgres itself", "channel_binding=prefer"}},
		"another proof":      {with(func(_ *url.URL, q url.Values) { q.Set("require_auth", "gss") }), exitFailed, []string{"authentication method requirement", "change pg_hba.conf"}},
		"unknown authority":  {"postgres://u:p@" + encrypted + "/db?sslmode=verify-full", exitFailed, []string{"unknown authority", "sslrootcert"}},
		"another name":       {"postgres://u:p@localhost:" + port + "/db?sslmode=verify-full&sslrootcert=" + root, exitFailed, []string{"certificate is valid for", "not localhost", "verify-ca"}},
		"a web server":       {"postgres://u:p@" + web.Listener.Addr().String() + "/db", exitFailed, []string{"does not speak Postgres's protocol", "5432"}},
		"a tenant":           {"postgres://u:p@" + fakeServer(t, refuses) + "/db", exitFailed, []string{"Tenant or user not found", "postgres.PROJECT-REF"}},
		"unknown parameter":  {with(func(_ *url.URL, q url.Values) { q.Set("options", "-c nosuch=1") }), exitFailed, []string{`unrecognized configuration parameter \"nosuch\"`, "correct or remove it"}},
		"a wrong value":      {with(func(_ *url.URL, q url.Values) { q.Set("statement_timeout", "soon") }), exitFailed, []string{"statement_timeout", "correct or remove it"}},
		"our own read-only":  {with(func(_ *url.URL, q url.Values) { q.Set("default_transaction_read_only", "on") }), exitFailed, []string{"in the address (options)", "take it out there"}},
		"and without TLS": {with(func(_ *url.URL, q url.Values) {
			q.Set("default_transaction_read_only", "on")
			q.Set("sslmode", "prefer")
		}), exitFailed, []string{"take it out there"}},
		"a wrong password": {with(func(u *url.URL, _ url.Values) { u.User = url.UserPassword(u.User.Username(), "s") }), exitFailed, []string{"check user and password", "percent-encoded"}},
		"a wrong name":     {with(func(u *url.URL, _ url.Values) { u.Path = "/nosuch" }), exitFailed, []string{"create the database"}},
		"not encoded":      {"postgres://user:p@ss%zz@db.example.com/app", exitUsage, []string{"DATABASE_URL", "percent-encoded", "%25"}},
		"a slash":          {"postgres://user:pa/zz@db.example.com/app", exitUsage, []string{"DATABASE_URL", "percent-encoded", "%2F"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t, w.with("DATABASE_URL", tc.url), "run")
			exit, output := d.ends(t)
			require.Equal(t, tc.exit, exit, output)
			for _, want := range tc.want {
				require.Contains(t, strings.ReplaceAll(output, `"nosuch"`, `\"nosuch\"`), want)
			}
			require.NotContains(t, output, "zz")
			require.NotContains(t, output, "p@ss")
		})
	}
}

// Parameters that other programs keep in the address are left out, with a line that
// names them.
func TestParametersOfOtherPrograms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	address := strings.Replace(w.url, "postgres://", "postgresql+asyncpg://", 1)
	address = strings.Replace(address, "postgresql://", "postgresql+asyncpg://", 1)
	joint := "?"
	if strings.Contains(address, "?") {
		joint = "&"
	}
	address += joint + "pgbouncer=true&connection_limit=1&schema=public&supa=value-of-supa&pool_timeout=7&sslaccept=strict&keepalives=1&search_path=public&statement_timeout=60000"
	d := start(t, w.with("DATABASE_URL", `"`+address+`"`, "TASKSYNC_TIMEOUT", "10m"), "run")
	d.ready(t)
	require.Contains(t, d.output(), "pgbouncer, connection_limit, schema, supa, pool_timeout, sslaccept, keepalives")
	require.NotContains(t, d.output(), "value-of-supa")
	require.Equal(t, 1, strings.Count(d.output(), "they are left out"))
	require.Equal(t, 1, w.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tasksync feed'`))
	var out strings.Builder
	require.Equal(t, exitOK, run([]string{"doctor", "--database-url", address, "--api-key", "k", "--api-url", w.api.URL}, &out, &out), out.String())
	require.Contains(t, out.String(), "left out: pgbouncer, connection_limit")
	tasks := w.add(t, 1, simulator.Ready, 0)
	w.complete(t, d, worldPatience, tasks...)
	w.ended(t, d)
}

// Every parameter of this server's that a session may set is passed on.
func TestServerParametersAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	refuses := &pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "no"}
	query := url.Values{}
	for _, r := range collect[struct{ Name string }](t, w.pool, `SELECT name FROM pg_settings WHERE context IN ('user', 'superuser', 'backend', 'superuser-backend')`) {
		query.Set(r.Name, "1")
	}
	require.Greater(t, len(query), 100)
	d := start(t, w.with("DATABASE_URL", "postgres://u:p@"+fakeServer(t, refuses)+"/db?"+query.Encode()), "run")
	exit, output := d.ends(t)
	require.Equal(t, exitFailed, exit)
	require.NotContains(t, output, "left out")
}

// What may pass is waited for, and readiness says what it is.
func TestStartWaitsAndSaysWhy(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	w, admin := worldOn(t, server)
	for name, tc := range map[string]struct {
		url   string
		wants *regexp.Regexp
	}{
		"a host that does not resolve": {"postgres://u:p@nosuch.invalid/db", regexp.MustCompile(`is it spelt right|DNS`)},
		"nobody there":                 {"postgres://u:p@" + freeAddr(t) + "/db", regexp.MustCompile(`is the database up`)},
		"starting": {
			"postgres://u:p@" + fakeServer(t, &pgproto3.ErrorResponse{Severity: "FATAL", Code: "57P03", Message: "the database system is starting up"}) + "/db",
			regexp.MustCompile(`starting up.*it will answer`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listen := freeAddr(t)
			d := start(t, w.with("DATABASE_URL", tc.url, "TASKSYNC_ADMIN_ADDR", listen), "run")
			w.await(t, d, "the log says why", func() bool { return tc.wants.MatchString(d.output()) })
			w.await(t, d, "readiness says why", func() bool {
				status, body := get(t, "http://"+listen+"/readyz")
				return status == 503 && tc.wants.MatchString(body)
			})
			require.Zero(t, d.stop(t))
			require.Equal(t, 1, warnings(d.output()), d.output())
		})
	}
	do(t, admin, `ALTER ROLE app CONNECTION LIMIT 0`)
	d := start(t, w.with(), "run")
	w.await(t, d, "the log says that there are too many", func() bool { return strings.Contains(d.output(), "raise max_connections") })
	do(t, admin, `ALTER ROLE app CONNECTION LIMIT -1`)
	d.ready(t)
	require.Zero(t, d.stop(t))
}

// A role that may not create anything is told the GRANTs that it needs, and they are
// enough.
func TestGrantsOfTheMigrations(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	w, admin := worldOn(t, server)
	do(t, admin, `CREATE ROLE "Limited app" LOGIN PASSWORD 'p'`, `CREATE DATABASE "Other db"`)
	address := fmt.Sprintf("postgres://Limited%%20app:p@%s/Other%%20db", server.Addr())
	other := superuser(t, server, "Other db")
	grant := regexp.MustCompile(`GRANT [^;"]*"[^"]*"[^;"]*("[^"]*")?`)
	for range 3 {
		d := start(t, w.with("DATABASE_URL", address, "TASKSYNC_TIMEOUT", "10m"), "run")
		select {
		case <-d.addr:
			require.Zero(t, d.stop(t))
			return
		case <-d.done:
		case <-time.After(worldPatience):
			t.Fatalf("neither ready nor refused\n%s", d.output())
		}
		require.Equal(t, exitFailed, d.cmd.ProcessState.ExitCode())
		grants := grant.FindAllString(unquoted(d.output()), -1)
		require.NotEmpty(t, grants, d.output())
		t.Log(grants)
		do(t, other, grants...)
	}
	t.Fatal("the grants are not enough")
}

package postgrestest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"tasksync/internal/postgres"

	"github.com/stretchr/testify/require"
)

// PgBouncer starts a PgBouncer for the test, in pool mode "transaction" or "session", and returns
// the address of database behind it. The command must be in PATH or in /usr/sbin.
func PgBouncer(t testing.TB, database, mode string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	addr := freeAddr(t)
	password, _ := u.User.Password()
	host, port, err := net.SplitHostPort(u.Host)
	require.NoError(t, err)
	config := fmt.Sprintf(pgbouncerINI, host, port, u.User.Username(), password, addr[len("127.0.0.1:"):], mode)
	if PgBouncerPrepares(t) {
		config += "max_prepared_statements = 200\n"
	}
	startPgBouncer(t, config, addr)
	u.Host = addr
	return u.String()
}

const pgbouncerINI = `[databases]
* = host=%s port=%s user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = %s
default_pool_size = 20
max_client_conn = 200
`

// PgBouncerPrepares reports whether this machine's PgBouncer keeps prepared statements in mode
// "transaction", as version 1.21 and later do.
func PgBouncerPrepares(t testing.TB) bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), findPgBouncer(), "--version").Output()
	if err != nil {
		t.Fatal("pgbouncer (Debian: apt-get install pgbouncer): ", err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(out), "PgBouncer %d.%d", &major, &minor); err != nil {
		t.Fatalf("pgbouncer --version says %q: %s", out, err)
	}
	return major > 1 || minor >= 21
}

func findPgBouncer() string {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path
	}
	return "/usr/sbin/pgbouncer"
}

func startPgBouncer(t testing.TB, config, addr string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "tasksync-pgbouncer-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "pgbouncer.ini")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o644)) //nolint:gosec // another user reads it
	require.NoError(t, os.Chmod(dir, 0o755))                      //nolint:gosec // another user enters it
	ctx, cancel := context.WithCancel(context.Background())
	cmd, err := postgres.Command(ctx, findPgBouncer(), "-q", file)
	require.NoError(t, err)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal("pgbouncer (Debian: apt-get install pgbouncer): ", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // cancel kills it
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Log(log.String())
		}
	})
	awaitAddr(t, addr, ended)
}

// awaitAddr waits until a server listens at addr.
func awaitAddr(t testing.TB, addr string, ended <-chan struct{}) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatal("pgbouncer ended")
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

package postgrestest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres"
)

// Standby starts a hot standby of a server of the test's own, which it halts for a moment, and
// returns its host and port. It has the databases, roles and passwords of the server, and ends
// with the test.
func Standby(t testing.TB, s *postgres.Server) (addr string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "tasksync-standby-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o777)) //nolint:gosec // another user makes its folder there
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data := filepath.Join(dir, "data")
	copyData(t, s, data)
	addr = freeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cmd, err := postgres.Command(ctx, filepath.Join(s.BinDir(), "postgres"), "-D", data, "-p", port, "-c", "config_file="+filepath.Join(dir, "standby.conf"))
	require.NoError(t, err)
	conf := fmt.Sprintf(standbyConf, data, s.URL())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "standby.conf"), []byte(conf), 0o644)) //nolint:gosec // another user reads it
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // cancel kills it
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	awaitStandby(t, s, addr)
	return addr
}

const standbyConf = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
max_wal_senders = 50
max_replication_slots = 50
wal_level = logical
fsync = off
hba_file = '%[1]s/pg_hba.conf'
ident_file = '%[1]s/pg_ident.conf'
primary_conninfo = '%[2]s'
`

// copyData copies the server's data while the server is down: not every installation
// has pg_basebackup.
func copyData(t testing.TB, s *postgres.Server, to string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	var from string
	require.NoError(t, conn.QueryRow(t.Context(), `SHOW data_directory`).Scan(&from))
	require.NoError(t, conn.Close(t.Context()))
	require.NoError(t, s.Halt())
	cp, err := postgres.Command(t.Context(), "sh", "-c", `cp -a "$0" "$1" && rm -f "$1/postmaster.pid" && touch "$1/standby.signal"`, from, to)
	require.NoError(t, err)
	out, err := cp.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, s.Resume(t.Context()))
}

// awaitStandby waits until the standby answers.
func awaitStandby(t testing.TB, s *postgres.Server, addr string) {
	t.Helper()
	cfg, err := pgx.ParseConfig(s.URL())
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	cfg.Host = host
	_, err = fmt.Sscan(port, &cfg.Port)
	require.NoError(t, err)
	for end := time.Now().Add(30 * time.Second); ; {
		conn, err := pgx.ConnectConfig(t.Context(), cfg)
		if err == nil {
			_ = conn.Close(t.Context())
			return
		}
		require.True(t, time.Now().Before(end), "the standby does not answer: %v", err)
		time.Sleep(50 * time.Millisecond)
	}
}

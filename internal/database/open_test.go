package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const goodURL = "postgres://user:pass@localhost:5432/app"

func TestWhatWaitingDoesNotMend(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"28P01": true, "28000": true, "3D000": true, "42501": true, "42704": true, "22023": true, "57P03": false, "53300": false, "08006": false, "08P01": false,
	} {
		err := fmt.Errorf("connect: %w", &pgconn.PgError{Code: code})
		require.Equal(t, want, diagnose(err).permanent, code)
		require.ErrorContains(t, unreachable(err), "connect to the database: ")
	}
	require.False(t, diagnose(errors.New("no route to host")).permanent)
}

func TestPoolersRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code, message string
		permanent     bool
		next          string
	}{
		{"XX000", "Tenant or user not found", true, "postgres.PROJECT-REF"},
		{"XX000", "(ENOTFOUND) tenant/user postgres.abc not found", true, "postgres.PROJECT-REF"},
		{"08P01", "unsupported startup parameter: statement_timeout", true, "ignore_startup_parameters"},
		{"08P01", "no such database: app", true, "pooler's configuration"},
		{"08P01", "SASL authentication failed", true, "list of users"},
		{"08P01", "server login has been failing, try again later", false, "is the database up"},
		{"08P01", "query_wait_timeout", false, "is the database up"},
		{"XX000", "Max client connections reached", false, "is the database up"},
		{"53300", "sorry, too many clients already", false, "max_connections"},
		{"57P03", "the database system is starting up", false, "when it is done"},
	} {
		d := diagnose(&pgconn.PgError{Severity: "FATAL", Code: tc.code, Message: tc.message})
		require.Equal(t, tc.permanent, d.permanent, tc.message)
		require.Contains(t, d.next, tc.next, tc.message)
		require.Contains(t, d.what, tc.message)
	}
}

// One attempt that may succeed later is worth waiting for, except where a server has
// refused this client.
func TestSeveralAttempts(t *testing.T) {
	t.Parallel()
	starting := &pgconn.PgError{Code: "57P03", Message: "starting up"}
	password := &pgconn.PgError{Code: "28P01", Message: "wrong"}
	noTLS := errors.New("server refused TLS connection")
	require.True(t, diagnose(errors.Join(noTLS)).permanent)
	require.False(t, diagnose(errors.Join(noTLS, starting)).permanent)
	require.Contains(t, diagnose(errors.Join(noTLS, starting)).next, "when it is done")
	d := diagnose(errors.Join(starting, password))
	require.True(t, d.permanent)
	require.Contains(t, d.next, "check user and password")
	standby := &ReadOnlyError{Standby: true}
	require.False(t, diagnose(errors.Join(standby, standby)).permanent)
	require.NotContains(t, diagnose(errors.Join(standby, standby)).what, ";  ", "the same is said once")
	require.True(t, diagnose(&ReadOnlyError{Source: "client"}).permanent)
}

// What may pass is waited for, and says what it is.
func TestNetworkTroubles(t *testing.T) {
	t.Parallel()
	dial := func(ip string, errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.ParseIP(ip), Port: 5432}, Err: os.NewSyscallError("connect", errno)}
	}
	for next, err := range map[string]error{
		"is it spelt right": &net.DNSError{Err: "no such host", Name: "h", IsNotFound: true},
		"DNS answer":        &net.DNSError{Err: "server misbehaving", Name: "h", IsTemporary: true},
		"IPv6 address only": dial("2a05:d014::1", syscall.ENETUNREACH),
		"is the database up": errors.Join(
			dial("2a05:d014::1", syscall.ECONNREFUSED), dial("10.0.0.1", syscall.ECONNREFUSED)),
		"firewall": context.DeadlineExceeded,
	} {
		d := diagnose(fmt.Errorf("h: %w", err))
		require.Contains(t, d.next, next)
		require.False(t, d.permanent, next)
	}
}

// The parameters of this server that a session may set are known.
func TestServerParametersAreKnown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"search_path", "statement_timeout", "TimeZone", "timezone", "DateStyle", "application_name", "lock_timeout", "transaction_timeout", "app.tenant"} {
		require.True(t, knownParameter(name), name)
	}
	for _, name := range []string{"pgbouncer", "schema", "supa", "sslaccept", "gssencmode", "keepalives_idle", "tcp_user_timeout_ms", "replication", "fallback_application_name"} {
		require.False(t, knownParameter(name), name)
	}
}

// TestPoolIsSmall: with the four connections outside of it, a daemon has ten.
func TestPoolIsSmall(t *testing.T) {
	t.Parallel()
	guard := &Guard{}
	pool, err := guard.newPool(t.Context(), goodURL+"?pool_max_conns=50")
	require.NoError(t, err)
	defer pool.Close()
	require.LessOrEqual(t, pool.Config().MaxConns, int32(6))
	require.Positive(t, pool.Config().PingTimeout)
	require.Equal(t, connLifetime, pool.Config().MaxConnLifetime)
	require.Equal(t, "tasksync", pool.Config().ConnConfig.RuntimeParams["application_name"])
	require.Equal(t, "pass", pool.Config().ConnConfig.Password)
}

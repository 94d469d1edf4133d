package database

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// This test shows that connections have the options; TestHalfOpenWALConnection
// (`make halfopen`) shows what the options do.
func TestDialerSetsTimeouts(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	cfg, err := (&Guard{}).DirectConfig("postgres://user@" + l.Addr().String() + "/db")
	require.NoError(t, err)
	conn, err := cfg.DialFunc(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	option := func(level, name int) (value int) {
		t.Helper()
		raw, err := conn.(*connection).Conn.(*net.TCPConn).SyscallConn()
		require.NoError(t, err)
		var optErr error
		require.NoError(t, raw.Control(func(fd uintptr) { value, optErr = syscall.GetsockoptInt(int(fd), level, name) }))
		require.NoError(t, optErr)
		return value
	}
	require.Equal(t, int(goneAfter.Milliseconds()), option(syscall.IPPROTO_TCP, tcpUserTimeout))
	require.Equal(t, 1, option(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE))
	require.Equal(t, 1, option(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE), "second")
	require.Equal(t, 1, option(syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL), "second")
}

//go:build netadmin

package postgrestest

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Drop makes one connection half open, given by the client's port as the server sees it: what the
// client sends is not even acknowledged, and nothing comes back.
func (p *Proxy) Drop(t testing.TB, port int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		if c.server.LocalAddr().(*net.TCPAddr).Port != port {
			continue
		}
		c.silent.Store(true)
		dropIncoming(t, c.client.(*net.TCPConn))
		return
	}
	t.Fatal("no connection has port ", port)
}

// dropIncoming has the kernel drop the packets that arrive for a socket, before TCP sees them.
func dropIncoming(t testing.TB, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	var filterErr error
	err = raw.Control(func(fd uintptr) {
		filterErr = syscall.AttachLsf(int(fd), []syscall.SockFilter{{Code: syscall.BPF_RET | syscall.BPF_K}}) //nolint:staticcheck // the alternative is a dependency
	})
	if err != nil || filterErr != nil {
		t.Fatal(err, filterErr)
	}
}

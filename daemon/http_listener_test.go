package daemon

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// limitedServer serves with a limit of connections. A request to /slow is under way until
// the test ends.
func limitedServer(t *testing.T, most int) (addr string, l *limitedListener) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l = limitListener(inner, most)
	end := make(chan struct{})
	s := newHTTPServer(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			_ = http.NewResponseController(w).Flush()
			<-end
		}
		_, _ = io.WriteString(w, "ok")
	}), Config{}.WithDefaults().Logger)
	go s.serve()
	t.Cleanup(func() {
		close(end)
		require.NoError(t, s.close(t.Context()))
	})
	return inner.Addr().String(), l
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return conn
}

// asks sends a request and reads the head of the response.
func asks(t *testing.T, conn net.Conn, path string) *http.Response {
	t.Helper()
	_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return resp
}

// TestIdleConnectionsTakeNothing: however many there are, new requests are served, and so
// are those under way.
func TestIdleConnectionsTakeNothing(t *testing.T) {
	t.Parallel()
	const most = 10
	addr, l := limitedServer(t, most)
	busy := dial(t, addr)
	require.Equal(t, http.StatusOK, asks(t, busy, "/slow").StatusCode)
	for range 5 * most {
		dial(t, addr) // and says nothing
		conn := dial(t, addr)
		resp := asks(t, conn, "/")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "ok", string(body)) // and stays, idle
		l.mu.Lock()
		require.LessOrEqual(t, len(l.conns), most+1)
		l.mu.Unlock()
	}
	require.NoError(t, busy.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := busy.Read(make([]byte, 1))
	var late net.Error
	require.ErrorAs(t, err, &late)
	require.True(t, late.Timeout(), "it is open still")
}

// TestVictim: which connection goes when there are too many.
func TestVictim(t *testing.T) {
	t.Parallel()
	l := limitListener(nil, 4)
	at := time.Unix(1000, 0)
	conn := func(peer string, idle bool) *limitedConn {
		at = at.Add(time.Second)
		return &limitedConn{listener: l, peer: netip.MustParsePrefix(peer), idle: idle, since: at}
	}
	const greedy, modest = "192.0.2.1/32", "192.0.2.2/32"
	old, young, own := conn(greedy, true), conn(greedy, true), conn(modest, true)
	busy := conn(greedy, false)
	for _, c := range []*limitedConn{own, young, old, busy} {
		require.Nil(t, l.add(c))
	}
	require.Same(t, old, l.victim(conn(modest, true)), "idle for longest, of the peer with the most")
	l.forget(old)
	l.forget(old) // closed twice, it counts once
	require.Same(t, young, l.victim(conn(modest, true)))
	l.forget(young)
	require.Same(t, own, l.victim(conn(modest, true)), "a peer's idle one before another's busy one")
	l.forget(own)
	second, newest := conn(greedy, false), conn(greedy, false)
	for _, c := range []*limitedConn{second, newest} {
		require.Nil(t, l.add(c))
	}
	probe := conn(modest, true)
	require.Same(t, newest, l.victim(probe), "many streams of one peer do not keep another out")
	another := conn(greedy, true)
	require.Same(t, another, l.victim(another), "behind a proxy, work that is under way stays")
}

func TestPeers(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1/32", "[::ffff:192.0.2.1]:80": "192.0.2.1/32",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64", "[fe80::1%lo]:80": "fe80::/64",
	} {
		at, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		require.Equal(t, want, peerOf(at).String(), addr)
	}
	require.Equal(t, netip.Prefix{}, peerOf(&net.UnixAddr{Name: "/tmp/socket"}))
}

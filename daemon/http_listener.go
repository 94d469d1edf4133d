package daemon

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// limitedListener keeps a limited number of connections, and none of them keeps others
// out: at the limit a new connection replaces another one.
//
// That is the one that has been idle for longest, of the peer with the most connections
// among those with idle ones. If none is idle, it is a connection of the peer with the
// most, or the new one itself if its peer has as many. So idle connections, however many,
// take nothing from anyone; a peer that holds many takes nothing from a peer that has few;
// and behind a proxy, where all connections have one peer, those at work stay.
type limitedListener struct {
	net.Listener
	most int

	mu    sync.Mutex
	conns map[*limitedConn]bool
	peers map[netip.Prefix]int // the number of their connections
}

// limitedConn is a connection of a limitedListener.
type limitedConn struct {
	net.Conn
	listener *limitedListener
	peer     netip.Prefix

	// Guarded by the listener's mu:
	idle  bool      // waits for a request
	since time.Time // when it became what it is
}

func limitListener(l net.Listener, most int) *limitedListener {
	return &limitedListener{Listener: l, most: most, conns: map[*limitedConn]bool{}, peers: map[netip.Prefix]int{}}
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &limitedConn{Conn: conn, listener: l, peer: peerOf(conn.RemoteAddr()), idle: true, since: time.Now()}
	if victim := l.add(c); victim != nil {
		_ = victim.Close() // its client has gone, or finds out
	}
	return c, nil // the server notices if it is closed already
}

// add returns the connection that must go, if one must.
func (l *limitedListener) add(c *limitedConn) (victim *limitedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) >= l.most {
		victim = l.victim(c)
	}
	l.conns[c] = true
	l.peers[c.peer]++
	return victim
}

// victim chooses a connection that a new one replaces.
func (l *limitedListener) victim(c *limitedConn) *limitedConn {
	var idle, busy *limitedConn
	for other := range l.conns {
		if other.idle && l.worse(other, idle, other.since.Before) {
			idle = other
		}
		if !other.idle && l.worse(other, busy, other.since.After) {
			busy = other
		}
	}
	switch {
	case idle != nil:
		return idle
	case busy == nil || l.peers[busy.peer] <= l.peers[c.peer]+1:
		return c
	}
	return busy
}

// worse reports whether a must go rather than b: its peer has more connections, or as many
// and first says so.
func (l *limitedListener) worse(a, b *limitedConn, first func(time.Time) bool) bool {
	if b == nil {
		return true
	}
	if most, others := l.peers[a.peer], l.peers[b.peer]; most != others {
		return most > others
	}
	return first(b.since)
}

// note is the server's ConnState.
func (l *limitedListener) note(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*limitedConn)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c.idle, c.since = state == http.StateNew || state == http.StateIdle, time.Now()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	c.listener.forget(c)
	return c.Conn.Close()
}

func (l *limitedListener) forget(c *limitedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.conns[c] {
		return
	}
	delete(l.conns, c)
	if l.peers[c.peer]--; l.peers[c.peer] == 0 {
		delete(l.peers, c.peer)
	}
}

// peerOf returns the network that one peer has: an address, or the 64 bits that a
// subscriber of IPv6 gets.
func peerOf(addr net.Addr) netip.Prefix {
	at, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Prefix{} // not TCP: all are one peer
	}
	ip, bits := at.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	peer, _ := ip.Prefix(bits) // fails only for a number of bits that does not exist
	return peer
}

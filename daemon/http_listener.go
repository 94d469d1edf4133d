package daemon

import (
	"net"
	"sync"
)

// limitedListener accepts a limited number of connections at once. Others wait in
// the kernel's queue until one is closed.
type limitedListener struct {
	net.Listener
	taken  chan struct{} // a token for each connection
	closed chan struct{}
	close  func()
}

func limitListener(l net.Listener, most int) net.Listener {
	closed := make(chan struct{})
	return &limitedListener{Listener: l, taken: make(chan struct{}, most), closed: closed, close: sync.OnceFunc(func() { close(closed) })}
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.taken <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.taken
		return nil, err
	}
	return &limitedConn{Conn: conn, free: sync.OnceFunc(func() { <-l.taken })}, nil
}

// Close implements net.Listener. An Accept that waits for a place ends, too.
func (l *limitedListener) Close() error {
	l.close()
	return l.Listener.Close()
}

// limitedConn frees its place when it is closed, once.
type limitedConn struct {
	net.Conn
	free func()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}

package daemon

import (
	"net"
	"sync"
)

// limitedListener gives out a number of connections at once; whoever comes then
// waits in the kernel's queue until one is closed.
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
	return &limitedConn{Conn: conn, leave: sync.OnceFunc(func() { <-l.taken })}, nil
}

// Close implements net.Listener: an Accept that waits for its turn ends too.
func (l *limitedListener) Close() error {
	l.close()
	return l.Listener.Close()
}

// limitedConn leaves its place when it is closed, once.
type limitedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

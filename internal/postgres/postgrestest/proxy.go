package postgrestest

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Proxy stands between a client and Postgres and can fall silent, like a network that drops
// packets: connections stay open and nothing comes through.
type Proxy struct {
	listener net.Listener
	target   string
	url      string
	silent   atomic.Bool // new connections are silent too
	closed   chan struct{}
	once     sync.Once
	copies   sync.WaitGroup

	mu    sync.Mutex
	conns []*proxied
}

type proxied struct {
	client, server net.Conn
	silent         atomic.Bool
}

// NewProxy returns a proxy at addr, like "127.0.0.1:0", in front of the server of database. It is
// closed with the test.
func NewProxy(t testing.TB, addr, database string) *Proxy {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	p := &Proxy{listener: l, closed: make(chan struct{}), target: u.Host}
	u.Host = l.Addr().String()
	p.url = u.String()
	p.copies.Go(p.accept)
	t.Cleanup(p.Close)
	return p
}

// URL returns the address of the database behind the proxy.
func (p *Proxy) URL() string { return p.url }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		c := &proxied{client: client, server: server}
		c.silent.Store(p.silent.Load())
		p.mu.Lock()
		p.conns = append(p.conns, c)
		p.mu.Unlock()
		p.copies.Go(func() { p.copy(c, client, server) })
		p.copies.Go(func() { p.copy(c, server, client) })
	}
}

func (p *Proxy) copy(c *proxied, from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if c.silent.Load() {
			<-p.closed
			return
		}
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// FallSilent silences the open connections, and with alsoNew also new ones.
func (p *Proxy) FallSilent(alsoNew bool) {
	p.silent.Store(alsoNew)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.silent.Store(true)
	}
}

// Speak lets new connections through again.
func (p *Proxy) Speak() { p.silent.Store(false) }

// Close ends all connections. Closing twice is no error.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.once.Do(func() { close(p.closed) })
	p.mu.Lock()
	for _, c := range p.conns {
		_, _ = c.client.Close(), c.server.Close()
	}
	p.mu.Unlock()
	p.copies.Wait()
}

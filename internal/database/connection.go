package database

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
)

// A connection is what a session runs over. Between it and the server there may be
// something that keeps its side open when ours is closed, and a server at work on a
// statement does not look at the network: then the session stays on the server, with
// its locks and its place among max_connections. So a Guard remembers the server's
// process of each session that was closed, and EndLeft ends what is left of it.
type connection struct {
	net.Conn
	once   sync.Once
	guard  *Guard
	server process // the zero value: not known, or behind a pooler
}

// A process is one of the server, which gives its numbers to later ones again.
type process struct {
	pid   int32
	began int64 // microseconds since 1970, by the server's clock
}

// SetDeadline keeps pgx from waiting long when it takes leave.
func (c *connection) SetDeadline(t time.Time) error {
	if latest := time.Now().Add(goodbye); t.After(latest) {
		t = latest
	}
	return c.Conn.SetDeadline(t)
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.once.Do(func() {
		if c.guard != nil {
			c.guard.left.closed(c.server)
		}
	})
	return c.Conn.Close()
}

// follow has EndLeft know what the session of conn is on the server. It must be called
// before anybody else has conn.
func (g *Guard) follow(conn *pgconn.PgConn, server process) {
	inner := conn.Conn()
	if t, ok := inner.(*tls.Conn); ok {
		inner = t.NetConn()
	}
	if c, ok := inner.(*connection); ok && server.pid != 0 {
		c.guard, c.server = g, server
		g.left.opened(server)
	}
}

// Sessions names the open sessions, for the program that ends them if this process dies
// where a server does not notice: each as PID@START, as in the query WorkerSessionEnd.
func (g *Guard) Sessions() []string {
	g.left.mu.Lock()
	defer g.left.mu.Unlock()
	var names []string
	for p := range g.left.open {
		names = append(names, fmt.Sprintf("%d@%d", p.pid, p.began))
	}
	return names
}

// leftovers are the sessions that were closed on this side, and those that are open.
type leftovers struct {
	mu   sync.Mutex
	list []leftover
	open map[process]bool
}

type leftover struct {
	process
	since time.Time
}

const (
	// leftMax bounds how many sessions are remembered.
	leftMax = 100
	// leftAfter is how long a server may take to see that a session was closed.
	leftAfter = 2 * time.Second
)

func (l *leftovers) opened(p process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = make(map[process]bool)
	}
	l.open[p] = true
}

func (l *leftovers) closed(p process) {
	l.add(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, p)
}

func (l *leftovers) add(p process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) < leftMax {
		l.list = append(l.list, leftover{p, time.Now()})
	}
}

// due removes and returns what was closed before leftAfter.
func (l *leftovers) due(now time.Time) (pids []int32, began []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(l.list, func(p leftover) bool {
		if now.Sub(p.since) < leftAfter {
			return false
		}
		pids, began = append(pids, p.pid), append(began, p.began)
		return true
	})
	return pids, began
}

// EndLeft ends the sessions that this process has closed and that the server still
// has. After an error it tries the same ones again when it is called again.
func (g *Guard) EndLeft(ctx context.Context, pool *pgxpool.Pool) error {
	pids, began := g.left.due(time.Now())
	if len(pids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	ended, err := queries.New().ServerSessionEnd(ctx, pool, queries.ServerSessionEndParams{Pids: pids, Began: began})
	if err != nil {
		for i := range pids {
			g.left.add(process{pids[i], began[i]})
		}
		return fmt.Errorf("end sessions that were closed: %w", err)
	}
	if ended > 0 {
		g.logger().InfoContext(ctx, "[TaskSync] The server had not noticed that sessions were closed; they are ended", "sessions", ended)
	}
	return nil
}

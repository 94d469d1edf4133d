package database

import (
	"context"
	"net"
	"time"
)

const (
	// goneAfter is how long the other end of a direct connection may leave data or a
	// keepalive unacknowledged before the connection counts as dead. The feed gives a
	// statement on its session the same time.
	goneAfter = 2 * time.Second
	// poolGoneAfter is the same for a connection of the pool, whose statements have time
	// limits of their own.
	poolGoneAfter = 5 * time.Second
	// goodbye bounds how long pgx takes leave of a session that was cut short: it asks
	// the server to cancel the statement, and waits for the end. pgx takes a quarter of
	// a minute for it, in which the session holds its place in the pool.
	goodbye = 2 * time.Second
)

// dial has the system detect connections that are half open. The feed's session
// would notice by itself, but a reader of the WAL cannot tell a server that is
// gone from one that is at work on a large transaction; the system can.
//
// pgx also dials to cancel a statement. Such a call is known by its context, which
// neither connectTracer nor Opening has marked.
func dial(gone time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := &net.Dialer{Control: userTimeout(gone), KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: gone / 2, Interval: gone / 2, Count: 2,
	}}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		cancels := ctx.Value(connecting{}) == nil
		if cancels {
			var done context.CancelFunc
			ctx, done = context.WithTimeout(ctx, goodbye)
			defer done()
		}
		raw, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		conn := &connection{Conn: raw}
		if cancels {
			_ = conn.SetDeadline(time.Now().Add(goodbye)) // an error shows at the first write
		}
		return conn, nil
	}
}

// connecting is the key of a context in which a session is opened.
type connecting struct{}

// Opening marks the context in which a session is opened by pgconn, which no tracer of
// pgx sees. Without it the connection is taken for one that cancels a statement, and ends
// after two seconds.
func Opening(ctx context.Context) context.Context {
	return context.WithValue(ctx, connecting{}, true)
}

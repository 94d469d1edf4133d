package wal

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/internal/database"
)

const (
	connectTimeout = 10 * time.Second
	closeTimeout   = time.Second
)

// applicationName is what Postgres shows of a reader. Query FeedReaderTerminate in
// sql/feed.sql knows our readers by the same name.
const applicationName = "tasksync wal"

// inputSize is how much is read from the server at once, in bytes.
const inputSize = 64 << 10

// connection is a replication connection.
type connection struct {
	*pgconn.PgConn
	input *bufferedConn
}

// idle reports, without a system call, whether the receive buffers are empty.
func (c *connection) idle() bool { return c.Frontend().ReadBufferLen() == 0 && c.input.idle() }

// bufferedConn reads ahead: the server sends small messages, each of which would
// cost a system call.
type bufferedConn struct {
	net.Conn
	in    *bufio.Reader
	fresh bool // bytes have come since idle last returned true
	full  bool // the last read filled the buffer
}

func newBufferedConn(c net.Conn) *bufferedConn {
	b := &bufferedConn{Conn: c}
	b.in = bufio.NewReaderSize(filler{b}, inputSize)
	return b
}

// Read implements net.Conn.
func (c *bufferedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

// idle reports whether the buffer is empty and the last read did not fill it. It
// returns true only once until more bytes come: TLS may hold messages in a buffer of
// its own, and the caller should not pause before each of them.
func (c *bufferedConn) idle() bool {
	idle := c.fresh && !c.full && c.in.Buffered() == 0
	if idle {
		c.fresh = false
	}
	return idle
}

// filler is what the buffer reads from.
type filler struct{ *bufferedConn }

// Read implements io.Reader.
func (f filler) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	f.fresh, f.full = f.fresh || n > 0, n == len(p)
	return n, err
}

// wakeAt has the system report data only when size bytes have come. Without it each
// message that arrives wakes the process, even while no goroutine reads. It does
// nothing where the system cannot do that.
func (c *bufferedConn) wakeAt(size int) {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, size)
	})
}

// connect opens a replication connection.
func (r *Reader) connect(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	cfg := r.cfg.ConnConfig.Copy()
	cfg.RuntimeParams["replication"] = "database"
	cfg.RuntimeParams["application_name"] = applicationName
	cfg.RuntimeParams["wal_sender_timeout"] = strconv.FormatInt(r.cfg.Timeout.Milliseconds(), 10)
	conn, dial := &connection{}, cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn.input = newBufferedConn(c) // the last one dialed is the one that connects
		return conn.input, nil
	}
	var err error
	if conn.PgConn, err = pgconn.ConnectConfig(database.Opening(ctx), &cfg.Config); err != nil {
		return nil, explain("connect for replication", err, connectSteps)
	}
	return conn, nil
}

// requireDatabase makes sure that conn is connected to the database of the pool,
// which has the slot and the publication.
func requireDatabase(ctx context.Context, conn *connection, wanted string) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	system, err := pglogrepl.IdentifySystem(ctx, conn.PgConn)
	if err != nil {
		return fmt.Errorf("ask for the database of the replication connection: %w", err)
	}
	if system.DBName != wanted {
		return fmt.Errorf("%w: the direct connection is to database %q, the others are to %q: connect to the same", ErrUnavailable, system.DBName, wanted)
	}
	return nil
}

func closeConn(conn *connection) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) // the connection is given up, closed or not
}

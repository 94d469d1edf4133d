package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// errNotPostgres is wrapped by errors about a port at which another program listens.
var errNotPostgres = errors.New("what answers there does not speak Postgres's protocol")

// probeTimeout bounds the question who answers at a port.
const probeTimeout = time.Second

// sslRequest asks a Postgres server whether it speaks TLS; it answers with one letter.
var sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}

// unmask returns err, or an error that wraps errNotPostgres if another program than
// Postgres or a pooler listens at the address. It asks only if the error leaves that
// open: no server has answered, though one listens.
func unmask(ctx context.Context, err error, cfg *pgx.ConnConfig) error {
	for _, attempt := range attempts(err) {
		operation, network := errors.AsType[*net.OpError](attempt)
		_, lookup := errors.AsType[*net.DNSError](attempt)
		_, readOnly := errors.AsType[*ReadOnlyError](attempt)
		if Code(attempt) != "" || lookup || readOnly || network && operation.Op == "dial" {
			return err
		}
	}
	if len(cfg.Host) > 0 && cfg.Host[0] == '/' { // a socket of the system's
		return err
	}
	addr := net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	if other := speaksOtherwise(ctx, addr); other {
		return fmt.Errorf("%s: %w", addr, errNotPostgres)
	}
	return err
}

// speaksOtherwise reports whether what listens at addr answers, and not as Postgres
// does. A server of HTTP answers when it has seen the end of a line.
func speaksOtherwise(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(probeTimeout))
	answer := make([]byte, 16)
	if _, err := conn.Write(sslRequest); err != nil {
		return false
	}
	_ = conn.SetReadDeadline(time.Now().Add(probeTimeout / 2))
	n, err := conn.Read(answer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_, _ = conn.Write([]byte("\r\n\r\n"))
		_ = conn.SetReadDeadline(time.Now().Add(probeTimeout / 2))
		n, _ = conn.Read(answer)
	}
	letter := answer[0]
	return n > 1 && letter != 'E' || n == 1 && letter != 'S' && letter != 'N' && letter != 'E'
}

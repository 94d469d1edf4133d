package feed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/internal/redact"
	"tasksync/queries"
)

// ErrDeaf is wrapped by the errors of a session on which LISTEN does not work,
// as behind a pooler in transaction mode.
var ErrDeaf = errors.New("LISTEN does not work on this connection")

const (
	// probeChannel is where a session hears itself.
	probeChannel = "tasksync_probe"
	// probeTimeout is how long a notification may take that is sent to a session.
	probeTimeout = 2 * time.Second
)

// Probe reports whether a session at listen hears what is notified at notify:
// nil, an error that wraps ErrDeaf, or that one of them cannot be reached. They
// may be the same address.
func Probe(ctx context.Context, listen, notify *pgx.ConnConfig) error {
	ctx, cancel := context.WithTimeout(ctx, 3*connectTimeout)
	defer cancel()
	heard := make(chan string, 16)
	listener, err := connectProbe(ctx, listen, heard)
	if err != nil {
		return err
	}
	defer closeProbe(listener)
	notifier, err := connectProbe(ctx, notify, nil)
	if err != nil {
		return err
	}
	defer closeProbe(notifier)
	return hears(ctx, listener, heard, notifier)
}

func connectProbe(ctx context.Context, cfg *pgx.ConnConfig, heard chan<- string) (*pgx.Conn, error) {
	cfg = cfg.Copy()
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) {
		select {
		case heard <- n.Payload: // nil: nobody
		default:
		}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, redact.Password(err, cfg)
	}
	return conn, nil
}

func closeProbe(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// hears has somebody else notify a session that is idle. Somebody else and idle,
// because behind a pooler in transaction mode a session that notifies itself
// hears itself, if it happens to be given the same server connection for it.
func hears(ctx context.Context, listener *pgx.Conn, heard <-chan string, notifier queries.DBTX) error {
	q, payload := queries.New(), rand.Text()
	if _, err := listener.Exec(ctx, "LISTEN "+probeChannel); err != nil {
		return fmt.Errorf("%w: %w", ErrDeaf, err)
	}
	if err := q.FeedNotify(ctx, notifier, queries.FeedNotifyParams{Channel: probeChannel, Payload: payload}); err != nil {
		return fmt.Errorf("notify the session: %w", err)
	}
	if err := awaitPayload(ctx, listener, heard, payload); err != nil {
		return err
	}
	_, err := listener.Exec(ctx, "UNLISTEN "+probeChannel)
	return err
}

func awaitPayload(ctx context.Context, listener *pgx.Conn, heard <-chan string, payload string) error {
	waitCtx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	for {
		err := listener.PgConn().WaitForNotification(waitCtx)
		switch {
		case err == nil:
			select {
			case got := <-heard:
				if got == payload {
					return nil
				}
			default:
			}
		case ctx.Err() != nil:
			return ctx.Err()
		case waitCtx.Err() == nil || listener.IsClosed():
			return fmt.Errorf("wait for a notification: %w", err)
		default:
			return fmt.Errorf("%w: a notification did not arrive within %s", ErrDeaf, probeTimeout)
		}
	}
}

package database

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/queries"
)

const (
	// ListenChannel is the channel that the check of LISTEN notifies. A caller of
	// CheckListenOn passes on the payloads that arrive there.
	ListenChannel = "tasksync_probe"
	// listenTimeout is how long a notification may take to arrive.
	listenTimeout = 2 * time.Second
)

// CheckListen reports whether a session at listen hears what is notified at
// notify: nil, an error that wraps ErrNoListen, or that one of them cannot be
// reached. They may be the same address.
func CheckListen(ctx context.Context, listen, notify *pgx.ConnConfig) error {
	ctx, cancel := context.WithTimeout(ctx, 3*connectTimeout)
	defer cancel()
	payloads := make(chan string, 16)
	listener, err := connect(ctx, listen, payloads)
	if err != nil {
		return err
	}
	defer closeConn(listener)
	notifier, err := connect(ctx, notify, nil)
	if err != nil {
		return err
	}
	defer closeConn(notifier)
	return CheckListenOn(ctx, listener, payloads, notifier)
}

// connect opens a session that sends the payloads of its notifications, if
// payloads is not nil.
func connect(ctx context.Context, cfg *pgx.ConnConfig, payloads chan<- string) (*pgx.Conn, error) {
	cfg = cfg.Copy()
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) {
		select {
		case payloads <- n.Payload:
		default:
		}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // nothing more is wanted of it
}

// CheckListenOn checks LISTEN on a session of the caller's, which must be idle and
// sends the payloads that arrive at ListenChannel. The notifier must be another
// connection: behind a pooler in transaction mode a session that notifies itself
// hears itself, if it happens to be given the same server connection for it.
func CheckListenOn(ctx context.Context, listener *pgx.Conn, payloads <-chan string, notifier queries.DBTX) error {
	payload := rand.Text()
	if _, err := listener.Exec(ctx, "LISTEN "+ListenChannel); err != nil {
		return fmt.Errorf("%w: %w", ErrNoListen, err)
	}
	if err := queries.New().FeedNotify(ctx, notifier, queries.FeedNotifyParams{Channel: ListenChannel, Payload: payload}); err != nil {
		return fmt.Errorf("notify the session: %w", err)
	}
	if err := awaitPayload(ctx, listener, payloads, payload); err != nil {
		return err
	}
	_, err := listener.Exec(ctx, "UNLISTEN "+ListenChannel)
	return err
}

func awaitPayload(ctx context.Context, listener *pgx.Conn, payloads <-chan string, want string) error {
	waitCtx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	for {
		err := listener.PgConn().WaitForNotification(waitCtx)
		switch {
		case err == nil:
			select {
			case got := <-payloads:
				if got == want {
					return nil
				}
			default:
			}
		case ctx.Err() != nil:
			return ctx.Err()
		case waitCtx.Err() == nil || listener.IsClosed():
			return fmt.Errorf("wait for a notification: %w", err)
		default:
			return fmt.Errorf("%w: a notification did not arrive within %s", ErrNoListen, listenTimeout)
		}
	}
}

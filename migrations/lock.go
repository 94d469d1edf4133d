package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3/lock"

	"tasksync/internal/wait"
)

// locker keeps concurrent runs apart. It takes goose's lock, by its number, but holds
// it in an open transaction beside the migrations instead of in a session: behind a
// pooler in transaction mode, a session lock stays with a connection that other
// sessions get next. The transaction has a connection of its own, so that runs that
// share a pool do not wait for each other's connections.
type locker struct {
	pool *pgxpool.Pool
	conn *pgx.Conn // nil: not held
}

var _ lock.SessionLocker = (*locker)(nil)

// lockRetry spaces the tries. A statement that waited for the lock would hold a
// snapshot, and an index that is built concurrently would wait for that.
const lockRetry = 500 * time.Millisecond

// SessionLock implements lock.SessionLocker. It waits until it has the lock, or
// ctx ends.
func (l *locker) SessionLock(ctx context.Context, _ *sql.Conn) error {
	for {
		held, err := l.try(ctx)
		if err != nil {
			return fmt.Errorf("migration lock: %w", err)
		}
		if held {
			return nil
		}
		if err := wait.For(ctx, lockRetry); err != nil {
			return err
		}
	}
}

func (l *locker) try(ctx context.Context) (held bool, err error) {
	cfg := l.pool.Config().ConnConfig
	// The portal of the extended protocol would keep a snapshot, for which an index
	// that is built concurrently waits.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return false, err
	}
	tx, err := conn.Begin(ctx)
	if err == nil { // the migrations may wait for long
		_, err = tx.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`)
	}
	if err == nil {
		err = tx.QueryRow(ctx, `SELECT pg_catalog.pg_try_advisory_xact_lock($1)`, lock.DefaultLockID).Scan(&held)
	}
	if err == nil && held {
		l.conn = conn
		return true, nil
	}
	return false, errors.Join(err, conn.Close(ctx))
}

// SessionUnlock implements lock.SessionLocker. It closes the connection, which
// ends the transaction.
func (l *locker) SessionUnlock(ctx context.Context, _ *sql.Conn) error {
	if l.conn == nil {
		return errors.New("migration lock: not held")
	}
	conn := l.conn
	l.conn = nil
	return conn.Close(ctx)
}

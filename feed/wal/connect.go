package wal

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	connectTimeout = 10 * time.Second
	closeTimeout   = time.Second
)

// connect opens a connection for replication.
func (r *Reader) connect(ctx context.Context) (*pgconn.PgConn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	cfg := r.cfg.ConnConfig.Copy()
	cfg.RuntimeParams["replication"] = "database"
	cfg.RuntimeParams["application_name"] = "tasksync wal"
	cfg.RuntimeParams["wal_sender_timeout"] = strconv.FormatInt(r.cfg.Timeout.Milliseconds(), 10)
	conn, err := pgconn.ConnectConfig(ctx, &cfg.Config)
	if err != nil {
		return nil, explain("connect for replication", err, connectSteps)
	}
	return conn, nil
}

// requireDatabase makes sure that conn is of the database that the pool knows,
// whose slot and publication it is to read.
func requireDatabase(ctx context.Context, conn *pgconn.PgConn, database string) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	system, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return fmt.Errorf("ask for the database of the replication connection: %w", err)
	}
	if system.DBName != database {
		return fmt.Errorf("%w: the direct connection is to database %q, the others are to %q: connect to the same", ErrUnavailable, system.DBName, database)
	}
	return nil
}

func closeConn(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) // nothing more is wanted of it
}

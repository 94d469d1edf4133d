package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// A ReadOnlyError is the reason why a session was not opened, or was closed: the
// server takes no writes on it.
type ReadOnlyError struct {
	Standby  bool   // the server is in recovery
	Source   string // otherwise what set default_transaction_read_only, as in pg_settings
	Role     string
	Database string
}

// Error implements error.
func (e *ReadOnlyError) Error() string {
	if e.Standby {
		return "the server is a standby, which is read-only; a read-write server is wanted (target_session_attrs=read-write)"
	}
	return "the database is read-only by " + e.cause() + "; a read-write server is wanted (target_session_attrs=read-write)"
}

func (e *ReadOnlyError) cause() string {
	const name = "default_transaction_read_only"
	switch e.Source {
	case "user":
		return name + " of role " + e.Role
	case "database":
		return name + " of database " + e.Database
	case "database user":
		return fmt.Sprintf("%s of role %s in database %s", name, e.Role, e.Database)
	case "client":
		return name + " in the address (options) or in PGOPTIONS"
	}
	return name + " in the server's configuration"
}

// next is the next step. Role and database are quoted already.
func (e *ReadOnlyError) next() string {
	switch {
	case e.Standby:
		return "give the address of the primary, or the hosts of all servers, separated by commas"
	case e.Source == "user":
		return fmt.Sprintf("run ALTER ROLE %s RESET default_transaction_read_only", e.Role)
	case e.Source == "database":
		return fmt.Sprintf("run ALTER DATABASE %s RESET default_transaction_read_only", e.Database)
	case e.Source == "database user":
		return fmt.Sprintf("run ALTER ROLE %s IN DATABASE %s RESET default_transaction_read_only", e.Role, e.Database)
	case e.Source == "client":
		return "take it out there"
	}
	return "run ALTER SYSTEM RESET default_transaction_read_only, and SELECT pg_reload_conf(); a provider may have set it because the disk is full"
}

// permanent reports whether it is the daemon's own address that makes the session
// read-only. All else may end: a standby is promoted, a setting taken back.
func (e *ReadOnlyError) permanent() bool { return !e.Standby && e.Source == "client" }

// readOnlyQuery stands here and not in sql/, because pgx validates a new connection
// below the level at which queries of sqlc run.
//
// Behind a pooler a session of the server's may have been opened while a setting of
// the database or the role was on, and keep it when the setting is gone; the pooler
// would lend it out for as long as it lives. Such a session ends itself here.
const readOnlyQuery = `SELECT pg_catalog.pg_is_in_recovery(), s.source, pg_catalog.quote_ident(current_user), pg_catalog.quote_ident(current_database()),
	CASE WHEN NOT pg_catalog.pg_is_in_recovery() AND s.setting = 'on' AND s.source IN ('user', 'database', 'database user') AND NOT EXISTS (
		SELECT FROM pg_catalog.pg_db_role_setting AS r, unnest(r.setconfig) AS c
		WHERE r.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()))
			AND r.setrole IN (0, (SELECT u.oid FROM pg_catalog.pg_roles AS u WHERE u.rolname = session_user))
			AND c LIKE 'default_transaction_read_only=%')
	THEN pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()) END
FROM pg_catalog.pg_settings AS s WHERE s.name = 'default_transaction_read_only'`

// requireReadWrite is the target_session_attrs=read-write of every session that
// tasksync opens: each of them writes, or must be at the server that the others write
// to. It costs one round trip for a session, which then lives for minutes. With several
// hosts pgx tries the next one when it returns an error.
func (g *Guard) requireReadWrite(ctx context.Context, conn *pgconn.PgConn) error {
	readOnly, server, err := openingRow(ctx, conn)
	switch {
	case err != nil:
		return err
	case !readOnly:
		g.follow(conn, server)
		return nil
	}
	row, err := readRow(ctx, conn, readOnlyQuery)
	if err != nil || len(row) < 4 {
		return &ReadOnlyError{} // the reason is not known
	}
	return &ReadOnlyError{Standby: row[0] == "t", Source: row[1], Role: row[2], Database: row[3]}
}

// readRow returns the columns of the first row.
func readRow(ctx context.Context, conn *pgconn.PgConn, sql string) ([]string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("ask whether the server takes writes: %w", err)
	}
	if len(results) == 0 || len(results[0].Rows) == 0 {
		return nil, nil
	}
	var row []string
	for _, column := range results[0].Rows[0] {
		row = append(row, string(column))
	}
	return row, nil
}

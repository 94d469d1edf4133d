package database

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// openingQuery is the first statement of a session. It stands here and not in sql/ for
// the reason of readOnlyQuery.
//
// A session that the server holds for us alone gets settings by which the server notices
// that we are gone, within seconds instead of hours, and gives back the locks of a
// transaction that nobody goes on with. Their server's values are kept where somebody
// has chosen them for this role, database or address. A pooler lends the session to
// others when the transaction is over, so there nothing is set; it is known by its
// process numbers, which are its own and not the server's.
const openingQuery = `SELECT pg_catalog.current_setting('transaction_read_only'), pg_catalog.pg_backend_pid() = %[1]d,
	(SELECT (extract(epoch FROM a.backend_start) * 1000000)::pg_catalog.int8 FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS a),
	(SELECT pg_catalog.count(pg_catalog.set_config(s.name, v.value, false))
	FROM (VALUES ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'), ('tcp_user_timeout', '10000'),
		('client_connection_check_interval', '2000'), ('idle_in_transaction_session_timeout', '10000')) AS v (name, value)
	JOIN pg_catalog.pg_settings AS s ON s.name = v.name
	WHERE pg_catalog.pg_backend_pid() = %[1]d
		AND (s.source = 'default' OR s.source = 'configuration file' AND (s.setting = '0' OR s.name LIKE 'tcp%%')))`

// openingRow reports whether the session takes no writes, and which process serves it.
func openingRow(ctx context.Context, conn *pgconn.PgConn) (readOnly bool, server process, err error) {
	row, err := readRow(ctx, conn, fmt.Sprintf(openingQuery, conn.PID()))
	if Code(err) != "" { // a server that lacks one of the settings, or what is not Postgres
		row, err = readRow(ctx, conn, "SHOW transaction_read_only")
	}
	if err != nil {
		return false, process{}, err
	}
	if len(row) > 2 && row[1] == "t" {
		began, _ := strconv.ParseInt(row[2], 10, 64) // NULL: it is ended by its number only if that has no other
		server = process{int32(conn.PID()), began}   //nolint:gosec // the number of a process
	}
	return len(row) == 0 || row[0] != "off", server, nil
}

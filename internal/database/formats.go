package database

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// setFormats makes a new session read and write texts as pgx does. A session has the
// encoding of its database unless it asks for another, and an old database may have
// LATIN1 or SQL_ASCII, or backslashes that escape. Only such a session is changed:
// poolers keep these two settings for each client.
func setFormats(ctx context.Context, conn *pgconn.PgConn) error {
	var sql []string
	if encoding := conn.ParameterStatus("client_encoding"); encoding != "" && encoding != "UTF8" {
		sql = append(sql, "SET client_encoding = 'UTF8'")
	}
	if conn.ParameterStatus("standard_conforming_strings") == "off" {
		sql = append(sql, "SET standard_conforming_strings = on")
	}
	if len(sql) == 0 {
		return nil
	}
	return conn.Exec(ctx, strings.Join(sql, "; ")).Close()
}

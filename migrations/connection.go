package migrations

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// prefix marks what the migrations say to an operator.
const prefix = "tasksync: "

// openDB opens connections of the migrations' own: they change settings of their
// session, and they are listened to.
func (m *Migrator) openDB() *sql.DB {
	cfg := m.pool.Config().ConnConfig
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // a pooler may keep no prepared statements
	also := cfg.OnNotice
	cfg.OnNotice = func(conn *pgconn.PgConn, n *pgconn.Notice) {
		if text, ours := strings.CutPrefix(n.Message, prefix); ours {
			m.warn(text)
		}
		if also != nil {
			also(conn, n)
		}
	}
	return stdlib.OpenDB(*cfg)
}

// told returns what a migration said to the operator, if err is that, without what
// goose and Postgres put around it.
func told(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		if text, ours := strings.CutPrefix(pg.Message, prefix); ours {
			return errors.New(text)
		}
	}
	return err
}

// refuse runs the first statement of the first migration before goose makes its
// table: it refuses what the migrations cannot work with.
func (m *Migrator) refuse(ctx context.Context) error {
	versions, err := m.versions(ctx)
	if err != nil || versions[1] {
		return err
	}
	text, err := FS.ReadFile("00001_application_tables.sql")
	if err != nil {
		return err
	}
	_, after, _ := strings.Cut(string(text), "-- +goose StatementBegin\n")
	statement, _, _ := strings.Cut(after, "-- +goose StatementEnd\n")
	_, err = m.pool.Exec(ctx, statement)
	return told(err)
}

// files are the migration files with the setting that stock goose takes from the
// environment.
type files struct {
	fs.FS
	noRLS bool
}

// Open implements fs.FS.
func (f files) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return file, err
	}
	text, err := io.ReadAll(file)
	return replaced{file, strings.NewReader(strings.ReplaceAll(string(text), "${TASKSYNC_NO_RLS:-}", strconv.FormatBool(f.noRLS)))}, err
}

// replaced is a file with another text.
type replaced struct {
	fs.File
	text io.Reader
}

// Read implements fs.File.
func (r replaced) Read(p []byte) (int, error) { return r.text.Read(p) }

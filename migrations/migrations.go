// Package migrations holds tasksync's database migrations. They are plain SQL in
// goose's format, embedded, and run either by this package or by the stock goose
// command, with the same version table:
//
//	GOOSE_TABLE=public.tasksync_goose_version goose -dir migrations postgres "$DATABASE_URL" up
//
// # Tables of the application's
//
// A statement that locks a table of the application's must not keep its writers
// waiting: they queue behind a lock that is waited for. So each of them stands in a
// file with NO TRANSACTION, may be run again, and goes through schema tasksync_ddl,
// which 00001 makes (a test holds the files to this):
//
//   - CALL tasksync_ddl.run(table, lock, unless, statement) for DDL of an instant. It
//     tries for the lock 50 ms at a time, and says whom it waits for.
//   - CALL tasksync_ddl.add_columns(table, columns) for columns.
//   - CALL tasksync_ddl.prepare_index(table, index, definition), then CREATE INDEX
//     CONCURRENTLY IF NOT EXISTS index ON the table's name without its schema and the
//     same definition, and at the end CALL tasksync_ddl.finish_indexes(). Postgres
//     allows that statement in no function and on no view or partitioned table; the
//     call deals with those.
//
// On a view, which `tasksync adopt` makes, each of them does nothing.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
)

//go:generate go run ./internal/riversql

// FS holds the migration files.
//
//go:embed *.sql
var FS embed.FS

// Table is where goose keeps the version of the schema.
const Table = "public.tasksync_goose_version"

// Migrator runs the migrations on one database. [Open] makes one; the caller
// must Close it.
type Migrator struct {
	pool     *pgxpool.Pool
	db       *sql.DB
	provider *goose.Provider
	warn     func(text string)
}

// Config is what a Migrator may be told.
type Config struct {
	// Warn is called with what a migration says while it runs: whom it waits for, for
	// example. It may be called by several goroutines at once. Default: nowhere.
	Warn func(text string)
	// NoRLS leaves tables that the migrations create without row security.
	NoRLS bool
}

// Open is OpenConfig with the defaults.
func Open(pool *pgxpool.Pool) (*Migrator, error) { return OpenConfig(pool, Config{}) }

// OpenConfig prepares to migrate the database of pool. Concurrent runs wait for each
// other by goose's lock. Closing the Migrator leaves the pool open.
func OpenConfig(pool *pgxpool.Pool, cfg Config) (*Migrator, error) {
	m := &Migrator{pool: pool, warn: cfg.Warn}
	if m.warn == nil {
		m.warn = func(string) {}
	}
	m.db = m.openDB()
	var err error
	m.provider, err = goose.NewProvider(goose.DialectPostgres, m.db, files{FS, cfg.NoRLS},
		goose.WithTableName(Table), goose.WithSessionLocker(&locker{pool: pool}),
		goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return m, nil
}

// Close releases what [Open] took.
func (m *Migrator) Close() error { return m.db.Close() }

// Up applies the pending migrations and returns them, in order. It is no error
// if none is pending.
func (m *Migrator) Up(ctx context.Context) ([]Applied, error) {
	if err := m.refuse(ctx); err != nil {
		return nil, fmt.Errorf("migrate up: %w", err)
	}
	defer m.watch(ctx)()
	results, err := m.provider.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate up: %w", told(err))
	}
	return applied(results...), nil
}

// Down takes back the newest migration. At version 0 it does nothing.
func (m *Migrator) Down(ctx context.Context) ([]Applied, error) {
	versions, err := m.versions(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate down: %w", err)
	}
	if len(versions) == 0 {
		return nil, nil
	}
	defer m.watch(ctx)()
	result, err := m.provider.Down(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate down: %w", told(err))
	}
	return applied(result), nil
}

// DownTo takes back every migration above version.
func (m *Migrator) DownTo(ctx context.Context, version int64) ([]Applied, error) {
	defer m.watch(ctx)()
	results, err := m.provider.DownTo(ctx, version)
	if err != nil {
		return nil, fmt.Errorf("migrate down to %d: %w", version, told(err))
	}
	return applied(results...), nil
}

func applied(results ...*goose.MigrationResult) []Applied {
	out := make([]Applied, 0, len(results))
	for _, r := range results {
		out = append(out, Applied{Version: r.Source.Version, Source: r.Source.Path})
	}
	return out
}

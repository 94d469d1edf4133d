// Package migrations holds tasksync's database migrations. They are plain SQL in
// goose's format, embedded, and run either by this package or by the stock goose
// command, with the same version table:
//
//	GOOSE_TABLE=public.tasksync_goose_version goose -dir migrations postgres "$DATABASE_URL" up
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
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
	db       *sql.DB
	provider *goose.Provider
}

// Open prepares to migrate the database of pool. Concurrent runs wait for each
// other by goose's lock. Closing the Migrator leaves the pool open.
func Open(pool *pgxpool.Pool) (*Migrator, error) {
	db := stdlib.OpenDBFromPool(pool)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, FS,
		goose.WithTableName(Table), goose.WithSessionLocker(&locker{pool: pool}),
		goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return &Migrator{db: db, provider: provider}, nil
}

// Close releases what [Open] took.
func (m *Migrator) Close() error { return m.db.Close() }

// Applied is one migration that was run, or that Status lists.
type Applied struct {
	Version int64
	Source  string // the file
	Pending bool
}

// Up applies the pending migrations and returns them, in order. It is no error
// if none is pending.
func (m *Migrator) Up(ctx context.Context) ([]Applied, error) {
	results, err := m.provider.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate up: %w", err)
	}
	return applied(results...), nil
}

// Down takes back the newest migration. At version 0 it does nothing.
func (m *Migrator) Down(ctx context.Context) ([]Applied, error) {
	version, err := m.provider.GetDBVersion(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate down: %w", err)
	}
	if version == 0 {
		return nil, nil
	}
	result, err := m.provider.Down(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate down: %w", err)
	}
	return applied(result), nil
}

// DownTo takes back every migration above version.
func (m *Migrator) DownTo(ctx context.Context, version int64) ([]Applied, error) {
	results, err := m.provider.DownTo(ctx, version)
	if err != nil {
		return nil, fmt.Errorf("migrate down to %d: %w", version, err)
	}
	return applied(results...), nil
}

// Status lists all migrations, applied or pending, in order.
func (m *Migrator) Status(ctx context.Context) ([]Applied, error) {
	all, err := m.provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", err)
	}
	out := make([]Applied, len(all))
	for i, s := range all {
		out[i] = Applied{Version: s.Source.Version, Source: s.Source.Path, Pending: s.State == goose.StatePending}
	}
	return out, nil
}

// Pending reports whether the database lacks a migration.
func (m *Migrator) Pending(ctx context.Context) (bool, error) {
	return m.provider.HasPending(ctx)
}

func applied(results ...*goose.MigrationResult) []Applied {
	out := make([]Applied, 0, len(results))
	for _, r := range results {
		out = append(out, Applied{Version: r.Source.Version, Source: r.Source.Path})
	}
	return out
}

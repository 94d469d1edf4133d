package migrations

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Applied is one migration that was run, or that Status lists.
type Applied struct {
	Version int64
	Source  string // the file
	Pending bool
}

// Status lists all migrations, applied or pending, in order. It writes nothing.
func (m *Migrator) Status(ctx context.Context) ([]Applied, error) {
	versions, err := m.versions(ctx)
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", err)
	}
	sources := m.provider.ListSources()
	out := make([]Applied, len(sources))
	for i, s := range sources {
		out[i] = Applied{Version: s.Version, Source: s.Path, Pending: !versions[s.Version]}
	}
	return out, nil
}

// Pending reports whether the database lacks a migration. It writes nothing.
func (m *Migrator) Pending(ctx context.Context) (bool, error) {
	all, err := m.Status(ctx)
	if err != nil {
		return false, err
	}
	for _, a := range all {
		if a.Pending {
			return true, nil
		}
	}
	return false, nil
}

// versions returns the versions that the database has, without goose, which would
// create its table to read it. The SQL stands here, because sqlc does not know that
// table.
func (m *Migrator) versions(ctx context.Context) (map[int64]bool, error) {
	var exists bool
	if err := m.pool.QueryRow(ctx, `SELECT pg_catalog.to_regclass('`+Table+`') IS NOT NULL`).Scan(&exists); err != nil || !exists {
		return nil, err
	}
	rows, err := m.pool.Query(ctx, `SELECT DISTINCT version_id FROM `+Table+` WHERE version_id > 0`)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	versions := make(map[int64]bool, len(list))
	for _, v := range list {
		versions[v] = true
	}
	return versions, err
}

package adopt

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
)

// buildIndexes builds the indexes that are not there already.
func buildIndexes(ctx context.Context, conn *pgx.Conn, m Migration, tell func(string)) error {
	for _, i := range m.Indexes {
		if err := buildIndex(ctx, conn, m.Relation, i, tell); err != nil {
			return fmt.Errorf("build index %s: %w", i.Name, err)
		}
	}
	list, err := queries.New().AdoptedIndexList(ctx, conn)
	if err != nil {
		return fmt.Errorf("read the indexes: %w", err)
	}
	for _, have := range list {
		if have.Whole && !have.Valid {
			return fmt.Errorf("index %s lacks a partition that was added or attached meanwhile; run it again", have.Name)
		}
	}
	return nil
}

// buildIndex builds an index without blocking writers, unless it is there already.
func buildIndex(ctx context.Context, conn *pgx.Conn, relation int64, i Index, tell func(string)) error {
	if attached, err := isAttached(ctx, conn, i); attached || err != nil {
		return err
	}
	list, err := queries.New().AdoptedIndexList(ctx, conn)
	if err != nil {
		return err
	}
	mark := "tasksync adopt " + digest(i.Create)
	there := false
	for _, have := range list {
		there = there || have.SchemaName == i.Schema && have.Name == i.Name && (have.Valid || have.Whole) && have.Comment == mark
	}
	create := []string{i.Drop, i.Create, "COMMENT ON INDEX " + i.sql() + " IS " + literal(mark)}
	switch {
	case there:
	case i.Whole:
		err = execLocked(ctx, conn, relation, tell, create...)
	default:
		on := ""
		if i.On != "" {
			on = " on " + i.On
		}
		tell("building index " + i.Name + on + "; writers are not blocked, but it waits for transactions that are open")
		for _, sql := range create {
			if err == nil {
				_, err = conn.Exec(ctx, sql)
			}
		}
	}
	if err == nil && i.Attach != "" {
		err = execLocked(ctx, conn, relation, tell, i.Attach)
	}
	return err
}

// isAttached reports whether the partition has such an index already, by whatever name.
func isAttached(ctx context.Context, conn *pgx.Conn, i Index) (bool, error) {
	if i.Attach == "" {
		return false, nil
	}
	parts, err := queries.New().AdoptedIndexPartList(ctx, conn)
	return slices.ContainsFunc(parts, func(p queries.AdoptedIndexPartListRow) bool {
		return qualified(p.IndexSchema, p.IndexName) == i.Top && qualified(p.SchemaName, p.Name) == i.On
	}), err
}

// execLocked runs statements that lock the table, in one transaction.
func execLocked(ctx context.Context, conn *pgx.Conn, relation int64, tell func(string), statements ...string) error {
	all := Index{}.LockWait()
	for _, sql := range statements {
		all += ";\n" + sql
	}
	return retryLocked(ctx, conn, relation, tell, func() error {
		_, err := conn.Exec(ctx, all)
		return err
	})
}

// dropIndexes drops the indexes that an adoption has made. Those of partitions go with the
// index that they are part of.
func dropIndexes(ctx context.Context, conn *pgx.Conn, relation int64, tell func(string)) error {
	indexes, err := queries.New().AdoptedIndexList(ctx, conn)
	if err != nil {
		return fmt.Errorf("read the indexes: %w", err)
	}
	for _, i := range indexes {
		name := qualified(i.SchemaName, i.Name)
		switch {
		case i.Part:
		case i.Whole:
			err = execLocked(ctx, conn, relation, tell, "DROP INDEX IF EXISTS "+name)
		default:
			_, err = conn.Exec(ctx, "DROP INDEX CONCURRENTLY IF EXISTS "+name)
		}
		if err != nil {
			return fmt.Errorf("drop index %s: %w", i.Name, err)
		}
	}
	return nil
}

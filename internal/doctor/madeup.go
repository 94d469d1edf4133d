package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
)

// A table is one of the application's, as far as it exists.
type table struct {
	name    string
	kind    string // as in pg_class.relkind
	columns []queries.DoctorColumnListRow
}

// loadTables reads the application's tables, by name. It reads them once.
func (d *doctor) loadTables(ctx context.Context) (map[string]table, error) {
	if d.tables != nil {
		return d.tables, nil
	}
	columns, err := d.queries.DoctorColumnList(ctx, d.pool)
	if err != nil {
		return nil, fmt.Errorf("read the columns: %w", err)
	}
	d.tables = map[string]table{}
	for _, c := range columns {
		t := d.tables[c.TableName]
		t.name, t.kind = c.TableName, c.Kind
		t.columns = append(t.columns, c)
		d.tables[c.TableName] = t
	}
	return d.tables, nil
}

// column returns the column of that name, if there is one.
func (t table) column(name string) (queries.DoctorColumnListRow, bool) {
	for _, c := range t.columns {
		if c.ColumnName == name {
			return c, true
		}
	}
	return queries.DoctorColumnListRow{}, false
}

// A madeUpRow has the values of a row that is in no table, by column. The other
// columns are null.
type madeUpRow map[string]string

// try evaluates the conditions on a made-up row of the table, as the role would when
// it writes such a row. It writes nothing, and takes no lock, fires no trigger and
// needs no right on the table. The SQL is made from the catalogs, because the
// conditions are: they are expressions that pg_get_expr returned.
func (d *doctor) try(ctx context.Context, t table, row madeUpRow, conditions []string) (holds []bool, err error) {
	var columns []string
	var args []any
	for _, c := range t.columns {
		value, ok := row[c.ColumnName]
		name := pgx.Identifier{c.ColumnName}.Sanitize()
		if !ok {
			columns = append(columns, fmt.Sprintf("NULL::%s AS %s", c.BaseShown, name))
			continue
		}
		args = append(args, value)
		columns = append(columns, fmt.Sprintf("$%d::text::%s AS %s", len(args), c.Shown, name))
	}
	sql := fmt.Sprintf("SELECT ARRAY[%s]::boolean[] FROM (SELECT %s) AS %s", strings.Join(conditions, ", "), strings.Join(columns, ", "), pgx.Identifier{t.name}.Sanitize())
	err = pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...).Scan(&holds)
	})
	if err == nil && len(holds) != len(conditions) {
		return nil, errors.New("a condition has no answer")
	}
	return holds, err
}

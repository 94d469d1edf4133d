package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
	"tasksync/task"
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
// columns have their defaults, if these are constants, and else they are null.
type madeUpRow map[string]string

// try evaluates the conditions on made-up rows of the table, and returns the answers
// by row and condition. It writes nothing, and takes no lock, fires no trigger and
// needs no right on the table. The SQL is made from the catalogs, because the
// conditions are: they are expressions that pg_get_expr returned. What they read of
// music_generations is the made-up row to which a made-up clip belongs.
func (d *doctor) try(ctx context.Context, t table, rows []madeUpRow, conditions []string) (holds [][]bool, err error) {
	var selects []string
	var args []any
	for i, row := range rows {
		selects = append(selects, selected(t, row, i, &args))
	}
	g := d.tables["music_generations"]
	sql := fmt.Sprintf("WITH music_generations AS (%s) SELECT ARRAY[%s]::boolean[] FROM (%s) AS %s ORDER BY %s",
		selected(g, madeUp(g, d.cfg.word(task.Submitted)), 0, &args),
		strings.Join(conditions, ", "), strings.Join(selects, " UNION ALL "), pgx.Identifier{t.name}.Sanitize(), rowNumber)
	err = pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		answers, err := tx.Query(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...)
		if err != nil {
			return err
		}
		holds, err = pgx.CollectRows(answers, pgx.RowTo[[]bool])
		return err
	})
	return holds, err
}

// selected returns a SELECT of a made-up row, and adds its values to args.
func selected(t table, row madeUpRow, number int, args *[]any) string {
	columns := []string{fmt.Sprintf("%d AS %s", number, rowNumber)}
	for _, c := range t.columns {
		name := pgx.Identifier{c.ColumnName}.Sanitize()
		value, ok := row[c.ColumnName]
		if !ok {
			columns = append(columns, fmt.Sprintf("(%s)::%s AS %s", cmp.Or(c.Constant, "NULL"), c.BaseShown, name))
			continue
		}
		*args = append(*args, value)
		columns = append(columns, fmt.Sprintf("$%d::text::%s AS %s", len(*args), c.Shown, name))
	}
	return "SELECT " + strings.Join(columns, ", ")
}

// rowNumber is a column of made-up rows that no table has.
const rowNumber = `"tasksync: row"`

const (
	madeUpID   = "5c79aaaa-0000-4bbb-8111-cccc2222be8e"
	madeUpTime = "2026-01-02 03:04:05Z"
)

// madeUp is a row such as an application inserts into the table.
func madeUp(t table, status string) madeUpRow {
	values := madeUpRow{
		"id": madeUpID, "user_id": madeUpID, "generation_id": madeUpID, "task_id": "5c79aaaa0000bbbb1111cccc2222be8e", "task_type": "generate",
		"status": status, "created_at": madeUpTime, "updated_at": madeUpTime, "clip_id": "5c79aaaa0000bbbb1111cccc2222be8e-clip-1",
	}
	row := madeUpRow{}
	for name, value := range values {
		if c, ok := t.column(name); ok && fits(t.name, c) {
			row[name] = value
		}
	}
	return row
}

// fits reports whether values in the format of the documented type of the column can
// be cast to its type.
func fits(name string, c queries.DoctorColumnListRow) bool {
	want, used := typeOf(name, c.ColumnName)
	return used && slices.Contains(want.bases, c.Base)
}

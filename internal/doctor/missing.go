package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// seeMissingColumns refuses tables that have lost a column since the migrations: every
// query that names it fails. Tools that make a database like a model of the
// application's (prisma db push, …) drop the columns that they do not know.
func (d *doctor) seeMissingColumns(ctx context.Context) {
	tables, err := d.loadTables(ctx)
	if err != nil {
		d.trouble("columns", err)
		return
	}
	var lacks, mends []string
	for _, rights := range ownTables {
		t := tables[rights.table]
		if rights.privilege != "SELECT" || (t.kind != "r" && t.kind != "p") {
			continue
		}
		for column := range strings.FieldsSeq(rights.columns) {
			if _, ok := t.column(column); !ok {
				lacks = append(lacks, t.name+"."+column)
				mends = append(mends, fmt.Sprintf("ALTER TABLE public.%s ADD COLUMN %s %s;", t.name, column, definition(t.name, column)))
			}
		}
	}
	if len(lacks) > 0 {
		d.find(Finding{
			Level: Bad, What: "columns: " + strings.Join(lacks, ", ") + " are missing, which were there after the migrations",
			Next: "put them into the model of the tool that drops them, and run as the owner", SQL: strings.Join(mends, "\n"),
		})
	}
}

// definition is what adds a column to a table that has rows.
func definition(table, column string) string {
	i := slices.IndexFunc(keyColumns, func(k keyColumn) bool { return k.table == table && k.column == column })
	switch {
	case i >= 0:
		return keyColumns[i].add
	case column == "created_at" || column == "updated_at":
		return "timestamptz NOT NULL DEFAULT now()"
	default:
		want, _ := typeOf(table, column)
		return want.alter
	}
}

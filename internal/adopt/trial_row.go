package adopt

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/database"
)

// madeUpRow inserts a row with a task into the application's table, for a trial that is
// rolled back. Where the table refuses it, because a column refers to another table for
// example, there is no id, and note says why.
func madeUpRow(ctx context.Context, tx pgx.Tx, p Plan, cat *Catalog) (id, note string) {
	var columns, values []string
	for i := range cat.Table.Columns {
		c := &cat.Table.Columns[i]
		value := ""
		switch {
		case c.Name == p.Columns["task_id"] && c.Base != "uuid":
			value = "'tasksync-trial'"
		case c.Name == p.Columns["task_id"]:
			value = "gen_random_uuid()"
		case c.Name == p.Columns["status"]:
			value = cast(literal(word(p.Words, statuses[0])), c)
		case c.Required && !c.HasDefault && !c.Generated:
			value = madeUp(c)
		}
		if value != "" {
			columns, values = append(columns, ident(c.Name)), append(values, value)
		}
	}
	sql := fmt.Sprintf("INSERT INTO %s AS g (%s) VALUES (%s) RETURNING (%s)::text", cat.Table.SQL(), strings.Join(columns, ", "), strings.Join(values, ", "),
		idExpr("g", cat.Table.column(p.Columns["id"])))
	inner, err := tx.Begin(ctx)
	if err != nil {
		return "", err.Error()
	}
	if err := inner.QueryRow(ctx, sql).Scan(&id); err != nil {
		_ = inner.Rollback(ctx)
		return "", fmt.Sprintf("no row has a task yet, and none could be made up (SQLSTATE %s): writing one was not tried", database.Code(err))
	}
	if err := inner.Commit(ctx); err != nil {
		return "", err.Error()
	}
	return id, ""
}

// madeUp returns a value for a column; "" for a type that it has none for.
func madeUp(c *Column) string {
	switch {
	case c.Base == "enum" && len(c.Labels) > 0:
		return cast(literal(c.Labels[0]), c)
	case c.Base == "bool":
		return "false"
	case c.Base == "uuid":
		return "gen_random_uuid()"
	case isFree(*c):
		return cast("gen_random_uuid()::text", c)
	case isNumber(*c):
		return "1"
	case isTime(*c):
		return "now()"
	case isJSON(*c):
		return "'{}'"
	}
	return ""
}

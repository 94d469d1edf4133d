package adopt

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The SQL of this package is made from the catalog: the names, the types and the words
// are the application's. Names are quoted by pgx.Identifier, words by literal.

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// of returns a column of an alias; of the row at hand if alias is "".
func of(alias string, c *Column) string {
	if alias == "" {
		return ident(c.Name)
	}
	return alias + "." + ident(c.Name)
}

// idExpr returns the uuid that stands for a key.
func idExpr(alias string, c *Column) string {
	switch {
	case c.Base == "uuid" && c.Shown == "uuid":
		return of(alias, c)
	case c.Base == "uuid":
		return of(alias, c) + "::uuid"
	case c.Base == "int8":
		return "tasksync.adopted_id(" + of(alias, c) + ")"
	case isInteger(*c):
		return "tasksync.adopted_id(" + of(alias, c) + "::bigint)"
	default:
		return "tasksync.adopted_id(" + textExpr(alias, c) + ")"
	}
}

// canBeKey reports whether idExpr works for a column.
func canBeKey(c Column) bool { return c.Base == "uuid" || isInteger(c) || isFree(c) }

// textExpr returns a column as text.
func textExpr(alias string, c *Column) string {
	if c.Shown == "text" {
		return of(alias, c)
	}
	return of(alias, c) + "::text"
}

// timeExpr returns a column as timestamptz. It is immutable.
func (r *renderer) timeExpr(alias string, c *Column) string {
	switch c.Base {
	case "timestamptz":
		return of(alias, c)
	case "date":
		return "(" + of(alias, c) + "::timestamp AT TIME ZONE " + literal(r.plan.TimeZone) + ")"
	default:
		return "(" + of(alias, c) + " AT TIME ZONE " + literal(r.plan.TimeZone) + ")"
	}
}

// statusExpr returns a column of statuses in our words.
func statusExpr(alias string, c *Column, theirs map[string][]string) string {
	return oursExpr(alias, c, words(), theirs)
}

// typeExpr returns a column of task types in our words.
func typeExpr(alias string, c *Column, theirs map[string][]string) string {
	if c.Base != "enum" && len(theirs) == 0 {
		return textExpr(alias, c)
	}
	return oursExpr(alias, c, slices.Sorted(maps.Keys(theirs)), theirs)
}

// oursExpr returns a column with the application's words in our words; its other words
// stay. The expression is immutable, which the text of an enumeration is not: so its
// labels are spelled out.
func oursExpr(alias string, c *Column, ours []string, theirs map[string][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CASE %s", of(alias, c))
	named := map[string]bool{}
	for _, o := range ours {
		for _, w := range theirs[o] {
			if w != o || c.Base == "enum" {
				fmt.Fprintf(&b, " WHEN %s THEN %s", literal(w), literal(o))
			}
			named[w] = true
		}
	}
	if c.Base != "enum" {
		return fmt.Sprintf("%s ELSE %s END", b.String(), textExpr(alias, c))
	}
	for _, l := range c.Labels {
		if !named[l] {
			fmt.Fprintf(&b, " WHEN %s THEN %s", literal(l), literal(l))
		}
	}
	return b.String() + " END"
}

// wordExpr returns the application's word for a status of ours, with the type of the
// column. Words of the application's that mean none of ours stay.
func wordExpr(status string, c *Column, words map[string][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CASE %s", status)
	for _, s := range statuses {
		if w := word(words, s); w != "" {
			fmt.Fprintf(&b, " WHEN %s THEN %s", literal(string(s)), literal(w))
		}
	}
	if c.Base != "enum" && len(words) == 0 {
		return status
	}
	return cast(fmt.Sprintf("(%s ELSE %s END)", b.String(), status), c)
}

// cast gives an expression of type text the type of a column.
func cast(expr string, c *Column) string {
	if c.Shown == "text" {
		return expr
	}
	return expr + "::" + c.TypeSql
}

// cutRoles are texts that may be cut to the length of the column. An address may not.
var cutRoles = []string{"error_code", "error_message", "title", "lyrics", "tags", "model_name"}

// writeExpr returns the value to write into a column for a value of ours, which is of
// the type of the role.
func (r *renderer) writeExpr(role, value string, c *Column) string {
	switch {
	case isTime(*c) && c.Base == "timestamptz":
		return value
	case isTime(*c):
		return fmt.Sprintf("(%s AT TIME ZONE %s)", value, literal(r.plan.TimeZone))
	case isNumber(*c) && c.Required:
		return fmt.Sprintf("coalesce(%s, 0)::%s", value, c.TypeSql)
	case isNumber(*c):
		return fmt.Sprintf("%s::%s", value, c.TypeSql)
	}
	if c.Length > 0 && slices.Contains(cutRoles, role) {
		value = fmt.Sprintf("left(%s, %d)", value, c.Length)
	}
	if c.Required {
		value = fmt.Sprintf("coalesce(%s, '')", value)
	}
	return value
}

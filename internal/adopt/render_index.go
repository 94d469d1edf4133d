package adopt

import (
	"fmt"
	"slices"
)

// Index is one index on a table of the application's, or on a partition of one.
//
// An index of a partitioned table is made in parts, so that no writer waits for it: first
// that of the whole, which has nothing in it; then one for each partition, concurrently,
// which becomes part of it. Partitions that come later have theirs by themselves. Dropping
// the whole drops its parts.
type Index struct {
	Schema, Name string
	Create, Drop string // without a semicolon
	// Whole says that the index is of a partitioned table: Create and Drop are of an
	// instant, but lock the table.
	Whole bool
	// Attach makes the index a part of another one; likewise. "": it is none.
	Attach string
	// Top is the index of the whole table that it is a part of, and On the partition.
	Top, On string
}

// LockWait keeps writers from queueing behind a statement that locks the table.
func (Index) LockWait() string { return "SET LOCAL lock_timeout = '100ms'" }

func (i Index) sql() string { return qualified(i.Schema, i.Name) }

func qualified(schema, name string) string { return ident(schema) + "." + ident(name) }

// indexes returns the indexes on the application's tables.
func (r *renderer) indexes() []Index {
	var out []Index
	add := func(t *Table, name, columns, where string) {
		if where != "" {
			where = "\n    WHERE " + where
		}
		out = append(out, indexOn(t, name, "("+columns+")"+where)...)
	}
	id := r.column("id")
	if id.Base != "uuid" || !slices.Contains(r.table.Leads, id.Name) && r.table.Kind == "p" {
		add(r.table, "tasksync_adopted_id", "("+r.ID("")+")", "")
	}
	add(r.table, "tasksync_adopted_created_at", fmt.Sprintf("(%s), (%s)", r.timeExpr("", r.column("created_at")), r.ID("")), r.Pending(""))
	add(r.table, "tasksync_adopted_task_id", "("+r.Task("")+")", r.Pending(""))
	if r.column("user_id") != nil {
		add(r.table, "tasksync_adopted_user_id", "("+r.User("")+")", r.Pending(""))
	}
	add(r.table, "tasksync_adopted_odd_status", fmt.Sprintf(`(left(lower(coalesce(%s, '') COLLATE "C"), 40))`, r.Status("")), r.odd())
	if r.clips != nil {
		if id := r.clipColumn("id"); id.Base != "uuid" || !slices.Contains(r.clips.Leads, id.Name) && r.clips.Kind == "p" {
			add(r.clips, "tasksync_adopted_clip_id", "("+r.ClipID("")+")", "")
		}
		add(r.clips, "tasksync_adopted_clip_generation_id", "("+r.ClipGeneration("")+")", "")
	}
	return out
}

// indexOn returns an index on a table, with those on its partitions.
func indexOn(t *Table, name, definition string) []Index {
	if t.Kind != "p" {
		return []Index{concurrently(t.Schema, name, t.SQL(), definition)}
	}
	out := []Index{whole(t.Schema, name, t.SQL(), definition)}
	names := map[string]string{t.SQL(): qualified(t.Schema, name)} // of the indexes, by table
	for _, p := range t.Partitions {
		on := qualified(p.SchemaName, p.Name)
		part := name + "_" + digest(on)[:8]
		i := concurrently(p.SchemaName, part, on, definition)
		if p.Kind == "p" {
			i = whole(p.SchemaName, part, on, definition)
		}
		names[on], i.Top, i.On = i.sql(), names[t.SQL()], on
		i.Attach = fmt.Sprintf("ALTER INDEX %s ATTACH PARTITION %s", names[qualified(p.ParentSchema, p.ParentName)], i.sql())
		out = append(out, i)
	}
	return out
}

func concurrently(schema, name, on, definition string) Index {
	return Index{
		Schema: schema, Name: name, Create: fmt.Sprintf("CREATE INDEX CONCURRENTLY %s ON %s %s", name, on, definition),
		Drop: "DROP INDEX CONCURRENTLY IF EXISTS " + ident(schema) + "." + name,
	}
}

func whole(schema, name, on, definition string) Index {
	return Index{
		Schema: schema, Name: name, Create: fmt.Sprintf("CREATE INDEX %s ON ONLY %s %s", name, on, definition),
		Drop: "DROP INDEX IF EXISTS " + ident(schema) + "." + name, Whole: true,
	}
}

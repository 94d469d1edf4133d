package adopt

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
)

// Table is what the catalog says of a table of the application's.
type Table struct {
	ID           int64
	Schema, Name string
	Kind         string // pg_class.relkind
	AboutRows    float64
	Owned        bool
	Columns      []Column
	Keys         []string // columns that alone identify a row, the primary key first
	Leads        []string // those of Keys by which an index finds rows
	Partitions   []queries.AdoptPartitionListRow
	Checks       []queries.AdoptCheckListRow
	References   []queries.AdoptReferenceListRow // to this table
	// Words are the words of a column of statuses or types that rows have, by column.
	Words map[string][]string
	// JSONKeys are the keys of objects in columns of type json and jsonb, by column.
	JSONKeys map[string][]string
}

// Column is a column of a table.
type Column = queries.AdoptColumnListRow

// SQL returns the quoted name.
func (t *Table) SQL() string { return pgx.Identifier{t.Schema, t.Name}.Sanitize() }

// String returns the name for people.
func (t *Table) String() string { return t.Schema + "." + t.Name }

// column returns the column of a name, or nil.
func (t *Table) column(name string) *Column {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Columns[i]
}

// Catalog is what a plan is compared with.
type Catalog struct {
	Table      *Table
	ClipsTable *Table // nil: there is none
	VersionNum int32
	TimeZone   string // the server's
}

// ReadTable reads the catalog about a table; the name is as SQL spells it.
func ReadTable(ctx context.Context, db queries.DBTX, name string) (*Table, error) {
	q := queries.New()
	found, err := q.AdoptRelationList(ctx, db, name)
	if err != nil {
		return nil, fmt.Errorf("look for table %s: %w", name, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no table %s; give its schema, like --table app.songs, and mind capital letters", name)
	}
	r := found[0]
	t := &Table{ID: r.ID, Schema: r.SchemaName, Name: r.Name, Kind: r.Kind, AboutRows: r.AboutRows, Owned: r.Owned}
	if t.Columns, err = q.AdoptColumnList(ctx, db, t.ID); err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", t, err)
	}
	keys, err := q.AdoptKeyList(ctx, db, t.ID)
	if err != nil {
		return nil, fmt.Errorf("read the keys of %s: %w", t, err)
	}
	for _, k := range keys {
		t.Keys = append(t.Keys, k.Name)
		if k.Leads {
			t.Leads = append(t.Leads, k.Name)
		}
	}
	if t.Kind == "p" {
		if t.Partitions, err = q.AdoptPartitionList(ctx, db, t.ID); err != nil {
			return nil, fmt.Errorf("read the partitions of %s: %w", t, err)
		}
	}
	if t.Checks, err = q.AdoptCheckList(ctx, db, t.ID); err != nil {
		return nil, fmt.Errorf("read the checks of %s: %w", t, err)
	}
	if t.References, err = q.AdoptReferenceList(ctx, db, t.ID); err != nil {
		return nil, fmt.Errorf("read what refers to %s: %w", t, err)
	}
	return t, t.sample(ctx, db)
}

// sampled is how many rows are read for the words and keys that they have.
const sampled = 20_000

// sample reads which words the columns of statuses and types have, and which keys the
// objects of json columns. The SQL is made here, because the names of table and columns
// are the application's.
func (t *Table) sample(ctx context.Context, db queries.DBTX) error {
	t.Words, t.JSONKeys = map[string][]string{}, map[string][]string{}
	if t.Kind != "r" && t.Kind != "p" {
		return nil
	}
	for _, c := range t.Columns {
		name := pgx.Identifier{c.Name}.Sanitize()
		switch {
		case isText(c) && (isName(c.Name, statusNames) || isName(c.Name, typeNames) || isName(c.Name, []string{"provider"})):
			words, err := strs(ctx, db, fmt.Sprintf(`SELECT DISTINCT w FROM (SELECT %s::text AS w FROM %s LIMIT %d) AS s WHERE w <> '' ORDER BY w LIMIT 50`, name, t.SQL(), sampled))
			if err != nil {
				return fmt.Errorf("read the words in %s.%s: %w", t, c.Name, err)
			}
			t.Words[c.Name] = words
		case c.Base == "json" || c.Base == "jsonb":
			keys, err := strs(ctx, db, fmt.Sprintf(`SELECT DISTINCT k
				FROM (SELECT %[1]s::jsonb AS j FROM %[2]s WHERE %[1]s IS NOT NULL LIMIT 1000) AS s
				CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(s.j) = 'array' THEN s.j ELSE '[]' END) AS e
				CROSS JOIN LATERAL jsonb_object_keys(CASE WHEN jsonb_typeof(e) = 'object' THEN e ELSE '{}' END) AS k ORDER BY k LIMIT 100`, name, t.SQL()))
			if err != nil {
				return fmt.Errorf("read the keys in %s.%s: %w", t, c.Name, err)
			}
			t.JSONKeys[c.Name] = keys
		}
	}
	return nil
}

func strs(ctx context.Context, db queries.DBTX, sql string) ([]string, error) {
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// ReadCatalog reads the catalog about the tables of a plan.
func ReadCatalog(ctx context.Context, db queries.DBTX, table, clips string) (*Catalog, error) {
	server, err := queries.New().AdoptServerGet(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("read the server's settings: %w", err)
	}
	c := &Catalog{VersionNum: server.VersionNum, TimeZone: server.TimeZone}
	if c.Table, err = readFree(ctx, db, table); err != nil {
		return nil, err
	}
	if clips != "" {
		c.ClipsTable, err = readFree(ctx, db, clips)
	}
	return c, err
}

// readFree reads a table, unless a view is to have its name.
func readFree(ctx context.Context, db queries.DBTX, name string) (*Table, error) {
	t, err := ReadTable(ctx, db, name)
	if err == nil && (t.Kind == "r" || t.Kind == "p") && t.Schema == "public" && (t.Name == "music_generations" || t.Name == "music_clips") {
		return nil, fmt.Errorf("%w: tasksync puts views named music_generations and music_clips over your tables, so give %s another name first (ALTER TABLE %s RENAME TO …) and let the application use that", ErrTaken, t, t.SQL())
	}
	return t, err
}

// The kinds of types that a column may have.

func isText(c Column) bool {
	return slices.Contains([]string{"text", "varchar", "bpchar", "citext", "enum"}, c.Base)
}

// isFree reports whether the column takes any text.
func isFree(c Column) bool { return isText(c) && c.Base != "enum" }

func isTime(c Column) bool {
	return slices.Contains([]string{"timestamptz", "timestamp", "date"}, c.Base)
}

func isInteger(c Column) bool { return slices.Contains([]string{"int8", "int4", "int2"}, c.Base) }

func isNumber(c Column) bool {
	return isInteger(c) || slices.Contains([]string{"float8", "float4", "numeric"}, c.Base)
}

func isJSON(c Column) bool { return c.Base == "json" || c.Base == "jsonb" }

// plain is a name without case and separators: taskId and task_id are the same.
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}

// isName reports whether a name is one of names, in any spelling.
func isName(name string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return plain(n) == plain(name) })
}

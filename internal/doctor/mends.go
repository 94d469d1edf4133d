package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
)

// mend returns the SQL that gives the columns types that tasksync works with; "" if
// SQL cannot do it. What depends on a column is dropped and made anew in one
// transaction: a policy, a view, a trigger, an index or a check that names the type
// keeps Postgres from changing it.
//
// A key that is no UUID cannot be changed into one. It keeps its values under another
// name, and a new column takes its place, here and in each table that refers to it.
func (d *doctor) mend(ctx context.Context, bad []badColumn) (string, error) {
	var p queries.DoctorDependentListParams
	var changes, swaps []string
	for _, c := range bad {
		p.Tables, p.Columns = append(p.Tables, c.table), append(p.Columns, c.column)
		switch {
		case c.column == "id":
			swap, err := d.swapKey(ctx, c.table, &p)
			if swap == "" || err != nil {
				return "", err
			}
			swaps = append(swaps, swap)
		case c.column == "generation_id":
			if !slices.ContainsFunc(bad, func(b badColumn) bool { return b.table == "music_generations" && b.column == "id" }) {
				changes = append(changes, c.alter())
			}
		case c.column == "user_id":
			return "", nil // it belongs to tables that are not ours to change
		default:
			changes = append(changes, c.alter())
		}
	}
	needs, err := d.queries.DoctorDependentList(ctx, d.pool, p)
	if err != nil {
		return "", err
	}
	sql := []string{"BEGIN;"}
	needs = slices.DeleteFunc(needs, func(n queries.DoctorDependentListRow) bool { return n.Place == defaults && n.Name == "id" })
	for _, n := range needs {
		sql = append(sql, n.DropSql)
	}
	sql = append(append(sql, changes...), swaps...)
	for _, n := range slices.Backward(needs) {
		if create := again(bad, n); create != "" {
			sql = append(sql, create)
		}
	}
	return strings.Join(append(sql, "COMMIT;"), "\n"), nil
}

// defaults is the place of defaults among what depends on a column.
const defaults = 6

// again makes anew what depended on a column, with the words of an enumeration as
// text. A default of another type does not fit any more.
func again(bad []badColumn, n queries.DoctorDependentListRow) string {
	create := n.CreateSql
	for _, c := range bad {
		isDefault := n.Place == defaults && n.Name == c.column
		switch {
		case isDefault && c.want.alter == "timestamptz":
			return fmt.Sprintf("ALTER TABLE public.%s ALTER COLUMN %s SET DEFAULT now();", c.table, c.column)
		case isDefault && (c.want.alter != "text" || c.base != ""):
			return ""
		case c.want.alter == "text" && c.base == "": // an enumeration
			create = strings.ReplaceAll(create, "::"+c.shown, "::text")
		}
	}
	return create
}

// alter returns the statement that changes the type of a column that is no key.
func (c badColumn) alter() string {
	column := pgx.Identifier{c.column}.Sanitize()
	using := column + "::" + c.want.alter
	switch {
	case strings.HasSuffix(c.shown, "[]") && c.want.alter == "text":
		using = fmt.Sprintf("array_to_string(%s, ', ')", column)
	case c.base == "jsonb" && c.want.alter == "text", c.base == "json" && c.want.alter == "text":
		using = fmt.Sprintf("CASE jsonb_typeof(%[1]s::jsonb) WHEN 'string' THEN %[1]s::jsonb #>> '{}' ELSE %[1]s::text END", column)
	case slices.Contains([]string{"int8", "int4", "numeric", "float8"}, c.base) && c.want.alter == "timestamptz": // seconds, or milliseconds
		using = fmt.Sprintf("to_timestamp(CASE WHEN %[1]s > 100000000000 THEN %[1]s / 1000.0 ELSE %[1]s END)", column)
	case c.base == "interval" && c.want.alter == "double precision":
		using = fmt.Sprintf("extract(epoch FROM %s)", column)
	case c.text() && c.want.alter != "text":
		using = fmt.Sprintf("nullif(btrim(%s), '')::%s", column, c.want.alter)
	}
	return fmt.Sprintf("ALTER TABLE public.%s ALTER COLUMN %s TYPE %s USING %s;", c.table, column, c.want.alter, using)
}

func (c badColumn) text() bool {
	return slices.Contains([]string{"text", "varchar", "bpchar", "citext"}, c.base)
}

// swapKey returns the SQL that puts a new column of type uuid in the place of key id,
// and adds to p the columns that refer to the key.
func (d *doctor) swapKey(ctx context.Context, name string, p *queries.DoctorDependentListParams) (string, error) {
	key, err := d.queries.DoctorKeyGet(ctx, d.pool, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	refs, err := d.queries.DoctorReferenceList(ctx, d.pool, name)
	if err != nil {
		return "", err
	}
	tables, err := d.loadTables(ctx)
	if err != nil {
		return "", err
	}
	if c, ok := tables["music_clips"].column("generation_id"); ok && name == "music_generations" &&
		!slices.ContainsFunc(refs, func(r queries.DoctorReferenceListRow) bool { return r.OfClips && r.BareName == c.ColumnName }) {
		refs = append(refs, queries.DoctorReferenceListRow{TableName: "public.music_clips", ColumnName: "generation_id", BareName: "generation_id", NotNull: c.NotNull, OfClips: true})
	}
	sql := []string{fmt.Sprintf("ALTER TABLE public.%s ADD COLUMN tasksync_id uuid NOT NULL DEFAULT gen_random_uuid();", name)}
	for _, r := range refs {
		if r.OfClips {
			p.Tables, p.Columns = append(p.Tables, "music_clips"), append(p.Columns, r.BareName)
		}
		sql = append(sql, swapReference(name, r)...)
	}
	sql = append(sql,
		fmt.Sprintf("ALTER TABLE public.%s DROP CONSTRAINT %s;", name, key.Name),
		fmt.Sprintf("ALTER TABLE public.%s RENAME COLUMN id TO old_id;", name),
		fmt.Sprintf("ALTER TABLE public.%s RENAME COLUMN tasksync_id TO id;", name),
		fmt.Sprintf("ALTER TABLE public.%s ADD PRIMARY KEY (id), ADD UNIQUE (old_id);", name))
	if !key.IsIdentity {
		sql = append(sql, fmt.Sprintf("ALTER TABLE public.%s ALTER COLUMN old_id DROP NOT NULL;", name))
	}
	return strings.Join(sql, "\n"), nil
}

func swapReference(name string, r queries.DoctorReferenceListRow) []string {
	old, fresh := pgx.Identifier{"old_" + r.BareName}.Sanitize(), pgx.Identifier{"tasksync_" + r.BareName}.Sanitize()
	sql := []string{
		fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s uuid;", r.TableName, fresh),
		fmt.Sprintf("UPDATE %s AS r SET %s = g.tasksync_id FROM public.%s AS g WHERE g.id::text = r.%s::text;", r.TableName, fresh, name, r.ColumnName),
		fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL;", r.TableName, r.ColumnName),
		fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s;", r.TableName, r.ColumnName, old),
		fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s;", r.TableName, fresh, r.ColumnName),
	}
	if r.NotNull {
		sql = append(sql, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;", r.TableName, r.ColumnName))
	}
	return sql
}

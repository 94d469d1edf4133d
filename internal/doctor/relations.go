package doctor

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// seeRelations refuses what has the name of a table of ours and is none, or lacks the
// columns by which rows are known: no migration may add these to rows that are there.
func (d *doctor) seeRelations(ctx context.Context) {
	tables, err := d.loadTables(ctx)
	if err != nil {
		d.trouble("tables", err)
		return
	}
	for _, name := range ownNames {
		switch t := tables[name]; t.kind {
		case "":
		case "r", "p":
			d.seeKeyColumns(ctx, t)
			d.seeCamelCase(t)
		case "v":
			writable, err := d.queries.DoctorWritableViewList(ctx, d.pool)
			if err != nil {
				d.trouble("tables", err)
			} else if !slices.Contains(writable, name) {
				d.say(Bad, "tables: public."+name+" is a view that cannot be updated", "rename it, and let `tasksync adopt` make one over the application's table")
			}
		default:
			d.say(Bad, fmt.Sprintf("tables: public.%s is a %s, which tasksync cannot write", name, kinds[t.kind]), "rename it, and let `tasksync adopt` make a view over the application's table")
		}
	}
}

// kinds are the words for pg_class.relkind.
var kinds = map[string]string{"m": "materialized view", "f": "foreign table", "S": "sequence", "c": "type", "i": "index", "I": "index", "t": "TOAST table"}

// A keyColumn is a column that each row must have, with what adds it.
type keyColumn struct{ table, column, add string }

var keyColumns = []keyColumn{
	{"music_generations", "id", "uuid NOT NULL UNIQUE DEFAULT gen_random_uuid()"},
	{"music_clips", "id", "uuid NOT NULL UNIQUE DEFAULT gen_random_uuid()"},
	{"music_clips", "generation_id", "uuid REFERENCES public.music_generations (id) ON DELETE CASCADE"},
	{"music_clips", "clip_id", "text"},
}

func (d *doctor) seeKeyColumns(ctx context.Context, t table) {
	var lacks, mends []string
	for _, k := range keyColumns {
		if _, ok := t.column(k.column); k.table == t.name && !ok {
			lacks = append(lacks, k.column)
			mends = append(mends, fmt.Sprintf("ALTER TABLE public.%s ADD COLUMN %s %s;", t.name, k.column, k.add))
		}
	}
	if len(lacks) == 0 {
		return
	}
	exist := d.queries.DoctorClipsExist
	if t.name == "music_generations" {
		exist = d.queries.DoctorGenerationsExist
	}
	if rows, err := exist(ctx, d.pool); err == nil && !rows {
		return // a migration adds them
	}
	d.find(Finding{
		Level: Bad, What: fmt.Sprintf("tables: public.%s has no column %s", t.name, strings.Join(lacks, ", ")),
		Next: "rename it if it is not meant for tasksync (`tasksync adopt` makes a view over tables of any shape), or run as the owner", SQL: strings.Join(mends, "\n"),
	})
}

// seeCamelCase refuses a table that has a column of ours under another spelling, as
// Prisma and Hibernate make it: a migration would add an empty one beside it, which
// the application never writes.
func (d *doctor) seeCamelCase(t table) {
	var names, mends []string
	for _, c := range t.columns {
		want := strings.ToLower(camelHump.ReplaceAllString(c.ColumnName, "${1}_${2}"))
		_, used := typeOf(t.name, want)
		if _, there := t.column(want); used && !there && want != c.ColumnName {
			names = append(names, fmt.Sprintf("%q", c.ColumnName))
			mends = append(mends, fmt.Sprintf("ALTER TABLE public.%s RENAME COLUMN %s TO %s;", t.name, pgx.Identifier{c.ColumnName}.Sanitize(), want))
		}
	}
	if len(names) > 0 {
		d.find(Finding{
			Level: Bad, What: fmt.Sprintf("tables: public.%s has columns of another spelling, %s", t.name, strings.Join(names, ", ")),
			Next: "rename the table and let `tasksync adopt` make a view over it, or rename the columns (Prisma: @map)", SQL: strings.Join(mends, "\n"),
		})
	}
}

var camelHump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// seeLookalikes names tables that may hold the application's songs, as long as
// music_generations is not there or has no row: it may be these that the user means.
// Who has made a view of that name has chosen.
func (d *doctor) seeLookalikes(ctx context.Context) {
	tables, err := d.loadTables(ctx)
	if err != nil {
		d.trouble("tables", err)
		return
	}
	switch {
	case tables["music_generations"].kind == "v":
		return // made over a table of the application's already
	case tables["music_generations"].name != "":
		if used, err := d.queries.DoctorGenerationsExist(ctx, d.pool); err != nil || used {
			return // seeOwnRights tells of an error
		}
	}
	found, err := d.queries.DoctorLookalikeList(ctx, d.pool)
	if err != nil {
		d.trouble("tables", err)
		return
	}
	for _, l := range found {
		name := l.TableName
		if l.SchemaName != "public" {
			name = l.SchemaName + "." + name
		}
		argument := l.Quoted
		if strings.Contains(argument, `"`) {
			argument = "'" + argument + "'" // a shell takes quotes away
		}
		d.say(Warning, fmt.Sprintf("tables: %s looks like a table of the application's for songs, but tasksync works with public.music_generations, which has no rows", name),
			"`tasksync adopt --table %s` makes that a view over it", argument)
	}
}

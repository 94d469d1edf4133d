package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tasksync/internal/database"
)

// ErrColumns is wrapped by the errors about columns of types that tasksync cannot
// work with.
var ErrColumns = errors.New("the application's tables have columns of types that tasksync cannot work with")

// seeColumns comes before the migrations: some would fail half-way on such a table.
// The type of user_id matters only if users are served: nothing else compares it.
func (d *doctor) seeColumns(ctx context.Context) {
	bad, err := d.badColumns(ctx)
	if err != nil {
		d.trouble("columns", err)
		return
	}
	var texts []string
	var mends []badColumn
	for _, c := range bad {
		if c.usersOnly() && !d.cfg.Users {
			d.say(Warning, "columns: "+c.String(), "the HTTP API for users, which is off, could not serve them")
			continue
		}
		texts, mends = append(texts, c.String()), append(mends, c)
	}
	if len(texts) == 0 {
		return
	}
	f := Finding{Level: Bad, What: "columns: " + strings.Join(texts, "; ")}
	if f.SQL, err = d.mend(ctx, mends); err != nil {
		f.Next = "the statements that change them cannot be made: " + database.Reason(err)
	} else {
		f.Next = nextOf(mends, f.SQL)
	}
	f.Err = fmt.Errorf("%w: %s", ErrColumns, f.Line())
	d.find(f)
}

// nextOf says how the columns are mended.
func nextOf(bad []badColumn, sql string) string {
	const adopt = "give the tables other names, and `tasksync adopt` makes views over them, and leaves them as they are"
	switch {
	case sql == "":
		return adopt
	case slices.ContainsFunc(bad, func(c badColumn) bool { return c.column == "id" }):
		return adopt + "; or run as the owner, which keeps the old keys beside new ones"
	default:
		return "run as the owner"
	}
}

// ownNames are the application's tables.
var ownNames = []string{"music_generations", "music_clips"}

// A badColumn is a column whose type tasksync cannot work with.
type badColumn struct {
	table, column string
	shown         string // its type, as Postgres shows it
	base          string // its name in pg_type; "": a type of the application's own
	want          columnType
}

// usersOnly reports whether nothing but the HTTP API for users needs the column.
func (c badColumn) usersOnly() bool { return c.table == "music_generations" && c.column == "user_id" }

// String says what is wrong with the column.
func (c badColumn) String() string {
	return fmt.Sprintf("%s.%s is %s, but must be %s", c.table, c.column, c.shown, c.want.text)
}

// badColumns lists the columns of a wrong type, in the order of the tables. Tables
// and columns that do not exist yet are not listed.
func (d *doctor) badColumns(ctx context.Context) ([]badColumn, error) {
	tables, err := d.loadTables(ctx)
	if err != nil {
		return nil, err
	}
	var bad []badColumn
	for _, name := range ownNames {
		for _, c := range tables[name].columns {
			want, used := typeOf(name, c.ColumnName)
			if used && !slices.Contains(want.bases, c.Base) {
				bad = append(bad, badColumn{table: name, column: c.ColumnName, shown: c.Shown, base: c.Base, want: want})
			}
		}
	}
	return bad, nil
}

// columnType is what the type of a column may be, or a domain over it.
type columnType struct {
	bases []string // names in pg_type
	text  string   // the same for an operator
	alter string   // the first choice
}

// typeOf returns the type that a column must have, if tasksync uses the column.
// Text of any name is compared and cut as text. An enumeration is not text: it
// takes no text that is computed, and may lack a word that it is compared with.
func typeOf(table, column string) (columnType, bool) {
	text := columnType{[]string{"text", "varchar", "bpchar", "citext"}, "text (or varchar, char, citext)", "text"}
	id := columnType{[]string{"uuid"}, "uuid", "uuid"}
	user := columnType{slices.Concat(id.bases, text.bases), "uuid (or text, varchar, char, citext)", "uuid"}
	moment := columnType{[]string{"timestamptz", "timestamp"}, "timestamptz (or timestamp)", "timestamptz"}
	day := columnType{slices.Concat(moment.bases, []string{"date"}), "timestamptz (or timestamp, date)", "timestamptz"}
	number := columnType{[]string{"float8", "float4", "numeric", "int8", "int4", "int2"}, "double precision (or another number)", "double precision"}
	want, used := map[string]columnType{
		"music_generations.id": id, "music_generations.user_id": user,
		"music_generations.task_id": text, "music_generations.task_type": text, "music_generations.provider": text, "music_generations.status": text,
		"music_generations.error_code": text, "music_generations.error_message": text,
		"music_generations.created_at": moment, // a deadline counts from it
		"music_generations.updated_at": day, "music_generations.completed_at": day,

		"music_clips.id": id, "music_clips.generation_id": id, "music_clips.clip_id": text, "music_clips.status": text,
		"music_clips.title": text, "music_clips.audio_url": text, "music_clips.stream_audio_url": text, "music_clips.video_url": text,
		"music_clips.image_url": text, "music_clips.lyrics": text, "music_clips.tags": text, "music_clips.model_name": text,
		"music_clips.duration": number, "music_clips.created_at": day, "music_clips.updated_at": day,
	}[table+"."+column]
	return want, used
}

package adopt

import (
	"fmt"
	"strings"
)

// clipColumn returns the column of the clips' table for one of music_clips, or nil.
func (r *renderer) clipColumn(role string) *Column {
	name := r.plan.ClipsTable.Columns[role]
	if name == "" {
		return nil
	}
	return r.clips.column(name)
}

// ClipsTable is the quoted name of the clips' table; "": there is none.
func (r *renderer) ClipsTable() string {
	if r.clips == nil {
		return ""
	}
	return r.clips.SQL()
}

// ClipsName is the name of the clips' table for comments.
func (r *renderer) ClipsName() string { return r.clips.String() }

// ClipID is the uuid of a clip.
func (r *renderer) ClipID(alias string) string { return idExpr(alias, r.clipColumn("id")) }

// ClipGeneration is the uuid of the clip's row.
func (r *renderer) ClipGeneration(alias string) string {
	return idExpr(alias, r.clipColumn("generation_id"))
}

// ClipColumn is a field of a clip: of the table, or what is kept beside it.
func (r *renderer) ClipColumn(role string) string {
	c := r.clipColumn(role)
	switch {
	case c == nil:
		return r.besideClip(role)
	case isTime(*c):
		return r.timeExpr("t", c)
	default:
		return exact(clipValue("t", role, c), r.besideClip(role), role, c)
	}
}

func (r *renderer) besideClip(role string) string {
	return fmt.Sprintf("(SELECT c.%s FROM tasksync.adopted_clips AS c WHERE c.id = %s)", role, r.ClipID("t"))
}

// ClipStatus is the status of a clip in our words. Where the application's word for it
// is coarser, the status that was written with that word counts.
func (r *renderer) ClipStatus() string {
	c := r.clipColumn("status")
	if c == nil {
		return fmt.Sprintf("coalesce(%s, CASE WHEN coalesce(%s, '') <> '' THEN 'complete' ELSE 'submitted' END)", r.besideClip("status"), r.ClipColumn("audio_url"))
	}
	words := r.plan.ClipsTable.Words
	return fmt.Sprintf("coalesce((SELECT c.status FROM tasksync.adopted_clips AS c WHERE c.id = %s AND %s = %s), %s)",
		r.ClipID("t"), wordExpr("c.status", c, words), of("t", c), statusExpr("t", c, words))
}

// clipValueToWrite is what is written into a column of the clips' table for NEW.
func (r *renderer) clipValueToWrite(role string, c *Column) string {
	if role == "status" {
		return wordExpr("NEW.status", c, r.plan.ClipsTable.Words)
	}
	return r.writeExpr(role, "NEW."+role, c)
}

// SetClip assigns what an update of music_clips changes.
func (r *renderer) SetClip() string {
	var set []string
	for _, role := range clipTableRoles {
		c := r.clipColumn(role)
		if c == nil || role == "id" || role == "generation_id" {
			continue
		}
		set = append(set, ident(c.Name)+" = "+r.clipValueToWrite(role, c))
	}
	return strings.Join(set, ",\n        ")
}

// ClipInsertColumns are the columns of a new clip.
func (r *renderer) ClipInsertColumns() string {
	columns, _ := r.clipInsert()
	return strings.Join(columns, ", ")
}

// ClipInsertValues are the values of a new clip.
func (r *renderer) ClipInsertValues() string {
	_, values := r.clipInsert()
	return strings.Join(values, ", ")
}

// clipInsert returns the columns of a new clip and their values: what the plan names,
// and what the table requires beyond that, as far as it can be filled.
func (r *renderer) clipInsert() (columns, values []string) {
	add := func(c *Column, value string) {
		columns, values = append(columns, ident(c.Name)), append(values, value)
	}
	key := r.clipColumn("generation_id")
	add(key, of("g", r.column("id")))
	named := map[string]bool{key.Name: true}
	for _, role := range clipTableRoles {
		c := r.clipColumn(role)
		if c == nil || named[c.Name] || role == "id" || role == "updated_at" {
			continue
		}
		named[c.Name] = true
		if role == "created_at" {
			add(c, r.writeExpr(role, "coalesce(NEW.created_at, now())", c))
			continue
		}
		add(c, r.clipValueToWrite(role, c))
	}
	for i := range r.clips.Columns {
		c := &r.clips.Columns[i]
		if value := r.filler(c); !named[c.Name] && value != "" {
			add(c, value)
		}
	}
	return columns, values
}

// filler returns the value for a column of the clips' table that tasksync does not know:
// the row's own value where that has the same column; something made, where the table
// requires a value that the database does not give it. "": none.
func (r *renderer) filler(c *Column) string {
	key := c.Name == r.plan.ClipsTable.Columns["id"]
	if same := r.table.column(c.Name); !key && same != nil && same.Shown == c.Shown && !c.Generated && !r.writes(c.Name) && !same.Generated {
		return of("g", same)
	}
	switch {
	case !c.Required || c.HasDefault || c.Generated:
		return ""
	case key && c.Base == "uuid":
		return "pg_catalog.gen_random_uuid()"
	case key && isFree(*c):
		return "pg_catalog.gen_random_uuid()::pg_catalog.text"
	case c.Base == "timestamptz":
		return "now()"
	case isTime(*c):
		return fmt.Sprintf("(now() AT TIME ZONE %s)", literal(r.plan.TimeZone))
	}
	return ""
}

// writes reports whether a column of the row, by its name, is about the task rather than
// about the application.
func (r *renderer) writes(name string) bool {
	for role, column := range r.plan.Columns {
		if column == name && role != "user_id" && role != "provider" {
			return true
		}
	}
	return false
}

package adopt

import (
	"fmt"
	"slices"
	"strings"
)

// placed returns the column of the n-th clip for one of music_clips, or nil.
func (r *renderer) placed(n int, role string) *Column {
	name := r.plan.Clips[n][role]
	if name == "" {
		return nil
	}
	return r.table.column(name)
}

// ownRoles are texts that an application may have written before the result is there,
// like the title that a user gave. They are kept.
var ownRoles = []string{"title", "image_url", "lyrics", "tags", "model_name", "duration"}

// addresses are results: what stood in their columns before is replaced, and kept beside
// the row.
var addresses = []string{"audio_url", "stream_audio_url", "video_url"}

// ClipField is a field of a clip: of its row, where that has a place for it, or else
// what is kept beside the row.
func (r *renderer) ClipField(role string) string {
	beside := "c." + role
	if r.JSON() && role != "duration" && r.plan.ClipsJSON.Keys[role] != "" {
		beside = fmt.Sprintf("coalesce(tasksync.adopted_object(g.%s::jsonb, c.clip_id) ->> %s, c.%s)", r.JSONColumn(), r.JSONKey(role), role)
	}
	var b strings.Builder
	for n := range r.plan.Clips {
		c := r.placed(n, role)
		if c == nil {
			continue
		}
		kept := ""
		if slices.Contains(ownRoles, role) {
			kept = fmt.Sprintf(" AND %s <> ALL (c.kept)", literal(role))
		}
		fmt.Fprintf(&b, " WHEN c.position = %d%s THEN %s", n, kept, exact(clipValue("g", role, c), "c."+role, role, c))
	}
	if b.Len() == 0 {
		return beside
	}
	return "CASE" + b.String() + " ELSE " + beside + " END"
}

// clipValue returns a column with the type of the field.
func clipValue(alias, role string, c *Column) string {
	if role == "duration" {
		return of(alias, c) + "::double precision"
	}
	return textExpr(alias, c)
}

// exact returns a column's value, or the value that was written into it where the column
// has only a part of that: a number without its fraction, a text that was cut.
func exact(value, written, role string, c *Column) string {
	short := cutAlike(written, role, c)
	if short == written || c.Base == "float8" {
		return value
	}
	return fmt.Sprintf("CASE WHEN %s = %s THEN %s ELSE %s END", value, short, written, value)
}

// A Place is where the clip at a position stands on its row.
type Place struct {
	Position     int
	Set, Differs string
}

// Places are the places that the row has for clips.
func (r *renderer) Places() []Place {
	var out []Place
	for n := range r.plan.Clips {
		var set, differs []string
		for _, role := range clipRoles {
			c := r.placed(n, role)
			if c == nil {
				continue
			}
			value := r.writeExpr(role, "c."+role, c)
			if slices.Contains(ownRoles, role) {
				value = fmt.Sprintf("CASE WHEN %s = ANY (c.kept) THEN %s ELSE %s END", literal(role), of("g", c), value)
			}
			set = append(set, ident(c.Name)+" = "+value)
			differs = append(differs, fmt.Sprintf("%s IS DISTINCT FROM %s", of("g", c), value))
		}
		if len(set) > 0 {
			out = append(out, Place{n, strings.Join(set, ",\n            ") + r.Touch(), strings.Join(differs, "\n                OR ")})
		}
	}
	return out
}

// Touch assigns the time of the last change, if the row has a column for it.
func (r *renderer) Touch() string {
	c := r.column("updated_at")
	if c == nil {
		return ""
	}
	return ",\n            " + ident(c.Name) + " = " + r.writeExpr("updated_at", "now()", c)
}

// Kept names the fields that the application has filled beforehand: their columns have a
// value, and not the one that tasksync wrote for an earlier task.
func (r *renderer) Kept() string {
	var list []string
	for n := range r.plan.Clips {
		for _, role := range ownRoles {
			c := r.placed(n, role)
			if c == nil {
				continue
			}
			filled := clipValue("g", role, c) + " <> ''"
			if role == "duration" {
				filled = clipValue("g", role, c) + " <> 0"
			}
			list = append(list, fmt.Sprintf("CASE WHEN place = %d AND %s AND NOT %s THEN %s END", n, filled, r.earlier(n, role, c), literal(role)))
		}
	}
	if len(list) == 0 {
		return "'{}'"
	}
	return "array_remove(ARRAY[\n            " + strings.Join(list, ",\n            ") + "\n        ], NULL)"
}

// earlier is whether a column has the value that tasksync wrote for an earlier task.
func (r *renderer) earlier(n int, role string, c *Column) string {
	return fmt.Sprintf("EXISTS (SELECT FROM tasksync.adopted_clips AS o WHERE o.generation_id = NEW.generation_id AND o.position = %d AND %s = %s)",
		n, cutAlike("o."+role, role, c), clipValue("g", role, c))
}

// cutAlike returns a value as it reads when it has been written into a column.
func cutAlike(value, role string, c *Column) string {
	switch {
	case role == "duration":
		return value + "::" + c.TypeSql + "::double precision"
	case c.Length > 0 && slices.Contains(cutRoles, role):
		return fmt.Sprintf("left(%s, %d)", value, c.Length)
	}
	return value
}

// Replaced holds what the application had in the columns of addresses.
func (r *renderer) Replaced() string {
	var list []string
	for n := range r.plan.Clips {
		for _, role := range addresses {
			if c := r.placed(n, role); c != nil {
				list = append(list, fmt.Sprintf("%s, CASE WHEN place = %d AND %s <> '' AND NOT %s THEN %s END",
					literal(role+placeSuffix(n)), n, clipValue("g", role, c), r.earlier(n, role, c), clipValue("g", role, c)))
			}
		}
	}
	if r.JSON() {
		column := "g." + r.JSONColumn() + "::pg_catalog.jsonb"
		list = append(list, fmt.Sprintf("%s, CASE WHEN place = 0 AND pg_catalog.jsonb_typeof(%s) NOT IN ('array', 'null') AND %s <> '{}' THEN %s END",
			literal(r.plan.ClipsJSON.Column), column, column, column))
	}
	if len(list) == 0 {
		return "'{}'"
	}
	return "pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(\n            " + strings.Join(list, ",\n            ") + "\n        ))"
}

// placeSuffix keeps the keys of several places apart.
func placeSuffix(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("_%d", n+1)
}

// JSON reports whether a column has all clips.
func (r *renderer) JSON() bool { return r.plan.ClipsJSON != nil }

// JSONColumn is that column.
func (r *renderer) JSONColumn() string { return ident(r.plan.ClipsJSON.Column) }

// JSONCast gives a jsonb the type of the column.
func (r *renderer) JSONCast() string {
	return "::" + r.table.column(r.plan.ClipsJSON.Column).TypeSql
}

// JSONKey is the key of a field in an object.
func (r *renderer) JSONKey(role string) string { return literal(r.plan.ClipsJSON.Keys[role]) }

// JSONObject is the object of clip c.
func (r *renderer) JSONObject() string {
	var list []string
	for _, role := range append([]string{"clip_id"}, keyRoles...) {
		key := r.plan.ClipsJSON.Keys[role]
		if key == "" || (role == "clip_id" && len(list) > 0) {
			continue
		}
		value := "c." + role
		if role == "status" {
			value = wordExpr("c.status", &Column{Base: "text", Shown: "text", TypeSql: "text"}, r.plan.Words)
		}
		list = append(list, literal(key)+", "+value)
	}
	return "pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(" + strings.Join(list, ", ") + "))"
}

// JSONValue is the array with clip c in it: in place of the object that has its id, or
// had it, or else at the end.
func (r *renderer) JSONValue() string {
	column, object := "g."+r.JSONColumn()+"::pg_catalog.jsonb", r.JSONObject()
	return fmt.Sprintf(`SELECT CASE
            WHEN pg_catalog.jsonb_typeof(%[1]s) IS DISTINCT FROM 'array' THEN pg_catalog.jsonb_build_array(%[2]s)
            WHEN coalesce(tasksync.adopted_object(%[1]s, former), tasksync.adopted_object(%[1]s, c.clip_id)) IS NULL THEN %[1]s || pg_catalog.jsonb_build_array(%[2]s)
            ELSE (
                SELECT pg_catalog.jsonb_agg(CASE WHEN e.e ->> %[3]s IN (former, c.clip_id) THEN e.e || %[2]s ELSE e.e END ORDER BY e.n)
                FROM pg_catalog.jsonb_array_elements(%[1]s) WITH ORDINALITY AS e (e, n)
            )
        END`, column, object, r.JSONKey("clip_id"))
}

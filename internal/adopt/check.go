package adopt

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Check compares a plan with the catalog, and returns an error that names everything
// that is wrong. Render needs a plan without errors.
func (p Plan) Check(cat *Catalog) error {
	c := &checker{plan: p, cat: cat}
	if !c.checkTable(cat.Table) {
		return errors.Join(c.errs...)
	}
	c.checkColumns()
	if status := cat.Table.column(p.Columns["status"]); status != nil {
		c.checkWords("words", cat.Table, *status, p.Words)
	}
	c.checkClips()
	if cat.ClipsTable != nil && c.checkTable(cat.ClipsTable) {
		c.checkClipsTable(cat.ClipsTable)
	}
	return errors.Join(c.errs...)
}

type checker struct {
	plan Plan
	cat  *Catalog
	errs []error
}

func (c *checker) fail(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// checkTable reports whether tasksync can work on a relation at all.
func (c *checker) checkTable(t *Table) bool {
	before := len(c.errs)
	switch t.Kind {
	case "r":
	case "p":
		for _, p := range t.Partitions {
			if p.Kind != "r" && p.Kind != "p" {
				c.fail("%s has partition %s.%s, which is a foreign table: it can have no index", t, p.SchemaName, p.Name)
			}
		}
	case "v", "m":
		c.fail("%s is a view; name the table below it", t)
	default:
		c.fail("%s is no table", t)
	}
	if !t.Owned {
		c.fail("the role of DATABASE_URL does not own %s, and only its owner may put triggers and indexes on it: connect as the owner", t)
	}
	return len(c.errs) == before
}

// required are the columns of the row that must be there.
var required = []string{"id", "task_id", "status", "created_at"}

func (c *checker) checkColumns() {
	for _, role := range generationRoles {
		name := c.plan.Columns[role]
		if name == "" {
			if slices.Contains(required, role) {
				c.fail("columns: %s is missing: which column of %s is it?", role, c.cat.Table)
			}
			continue
		}
		fits, want := fitsRole(role), "text"
		switch role {
		case "id":
			fits, want = canBeKey, "uuid, an integer or text"
		case "status", "task_type":
			fits, want = isText, "text or an enumeration"
		case "task_id":
			fits, want = func(c Column) bool { return isFree(c) || c.Base == "uuid" }, "text or uuid"
		case "created_at", "updated_at", "completed_at":
			want = "a time"
		}
		c.checkColumn("columns."+role, c.cat.Table, name, fits, want)
	}
	if id := c.plan.Columns["id"]; id != "" && !slices.Contains(c.cat.Table.Keys, id) {
		c.fail("columns.id: %s is not the primary key of %s, nor unique and NOT NULL", id, c.cat.Table)
	}
	if (c.plan.Type == "") == (c.plan.Columns["task_type"] == "") {
		c.fail("type: name either the task type of all rows or, in columns, the column task_type")
	}
	c.checkTypeWords()
	c.checkZone()
}

// checkTypeWords checks that a word stands for one task type, and that the column can
// have it.
func (c *checker) checkTypeWords() {
	col := c.cat.Table.column(c.plan.Columns["task_type"])
	if col == nil {
		if len(c.plan.TypeWords) > 0 {
			c.fail("type_words: name the column that has them: task_type in columns")
		}
		return
	}
	meaning := map[string]string{}
	choices, from, closed := c.cat.Table.choices(*col)
	for _, t := range slices.Sorted(maps.Keys(c.plan.TypeWords)) {
		for _, w := range c.plan.TypeWords[t] {
			if other := meaning[w]; other != "" {
				c.fail("type_words: %q stands for %s and for %s", w, other, t)
			}
			meaning[w] = t
			if closed && !slices.Contains(choices, w) {
				c.fail("type_words: %s.%s takes no %q (%s: %s)", c.cat.Table, col.Name, w, from, strings.Join(choices, ", "))
			}
		}
	}
}

// checkColumn reports whether a table has a column of a type that fits.
func (c *checker) checkColumn(where string, t *Table, name string, fits func(Column) bool, want string) {
	col := t.column(name)
	switch {
	case col == nil:
		c.fail("%s: %s has no column %q; it has %s", where, t, name, strings.Join(columnNames(t), ", "))
	case col.Generated:
		c.fail("%s: %s.%s is a generated column, which cannot be written", where, t, name)
	case !fits(*col):
		c.fail("%s: %s.%s is %s, but must be %s", where, t, name, col.Shown, want)
	}
}

func (c *checker) checkZone() {
	if c.plan.TimeZone != "" {
		return
	}
	for _, role := range []string{"created_at", "updated_at", "completed_at"} {
		if col := c.cat.Table.column(c.plan.Columns[role]); col != nil && isTime(*col) && col.Base != "timestamptz" {
			c.fail("time_zone: %s.%s is a time without a zone; say which zone the application writes it in, like UTC", c.cat.Table, col.Name)
			return
		}
	}
}

// checkWords checks that the ends and a beginning have words, that a word means one
// thing, and that the column takes the words.
func (c *checker) checkWords(where string, t *Table, col Column, words map[string][]string) {
	meaning := map[string]string{}
	choices, from, closed := t.choices(col)
	for _, s := range statuses {
		for _, w := range words[string(s)] {
			if other := meaning[w]; other != "" {
				c.fail("%s: %q stands for %s and for %s", where, w, other, s)
			}
			meaning[w] = string(s)
			if closed && !slices.Contains(choices, w) {
				c.fail("%s: %s.%s takes no %q (%s: %s)", where, t, col.Name, w, from, strings.Join(choices, ", "))
			}
		}
		if s.Terminal() && len(words[string(s)]) == 0 {
			c.fail("%s: %s has no word", where, s)
		}
	}
	if word(words, statuses[0]) == "" {
		c.fail("%s: no word says that a task is under way", where)
	}
}

func (c *checker) checkClips() {
	places := 0
	if c.plan.ClipsTable != nil {
		places++
	}
	if c.plan.ClipsJSON != nil {
		places++
		c.checkColumn("clips_json", c.cat.Table, c.plan.ClipsJSON.Column, isJSON, "json or jsonb")
		if c.plan.ClipsJSON.Keys["clip_id"] == "" {
			c.fail("clips_json.keys: clip_id is missing: objects are found by it")
		}
	}
	used := map[string]string{}
	for role, name := range c.plan.Columns {
		used[name] = role
	}
	for n, clip := range c.plan.Clips {
		places++
		for _, role := range clipRoles {
			name := clip[role]
			if name == "" {
				continue
			}
			where := fmt.Sprintf("clips[%d].%s", n, role)
			if other := used[name]; other != "" {
				c.fail("%s: column %s is %s already", where, name, other)
			}
			used[name] = where
			want := "text"
			if role == "duration" {
				want = "a number"
			}
			c.checkColumn(where, c.cat.Table, name, fitsRole(role), want)
		}
	}
	switch {
	case places == 0:
		c.fail("clips: say where the results go: clips, clips_json or clips_table")
	case c.plan.ClipsTable != nil && places > 1:
		c.fail("clips: results go either into columns of the row or into a table of their own")
	}
}

// checkClipsTable checks the table of the clips, and that a row of it can be inserted.
func (c *checker) checkClipsTable(t *Table) {
	columns := c.plan.ClipsTable.Columns
	for _, role := range clipTableRoles {
		name := columns[role]
		fits, want := fitsRole(role), "text"
		switch role {
		case "id", "generation_id":
			fits, want = canBeKey, "uuid, an integer or text"
			if name == "" {
				c.fail("clips_table.columns: %s is missing", role)
			}
		case "status":
			fits, want = isText, "text or an enumeration"
		case "created_at", "updated_at":
			want = "a time"
		case "duration":
			want = "a number"
		}
		if name != "" {
			c.checkColumn("clips_table.columns."+role, t, name, fits, want)
		}
	}
	if len(c.errs) > 0 {
		return
	}
	if status := t.column(columns["status"]); status != nil {
		c.checkWords("clips_table.words", t, *status, c.plan.ClipsTable.Words)
	}
	if !slices.Contains(t.Keys, columns["id"]) {
		c.fail("clips_table.columns.id: %s is not the primary key of %s, nor unique and NOT NULL", columns["id"], t)
	}
	r := &renderer{plan: c.plan, cat: c.cat, table: c.cat.Table, clips: t}
	filled, _ := r.clipInsert()
	for _, col := range t.Columns {
		if col.Required && !col.HasDefault && !slices.Contains(filled, ident(col.Name)) {
			c.fail("%s.%s is NOT NULL, and nothing fills it when tasksync inserts a clip: ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL, or give it a default",
				t, col.Name, t.SQL(), ident(col.Name))
		}
	}
}

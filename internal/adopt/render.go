package adopt

import (
	"crypto/sha256"
	_ "embed" // the template
	"fmt"
	"slices"
	"strings"
	"text/template"

	"tasksync/internal/database"
	"tasksync/task"
)

//go:embed migration.sql.tmpl
var templateText string

var templates = template.Must(template.New("").Parse(templateText))

// Migration is the SQL of an adoption, in the order in which it runs. Prepare, Layer,
// Unlayer and Unprepare are several statements each, for one transaction; the indexes
// are built and dropped outside one.
type Migration struct {
	Name      string // of the table
	Relation  int64  // the table's oid
	Prepare   string
	Indexes   []Index
	Layer     string
	Unlayer   string
	Unprepare string
}

// Goose returns the migration as a file for goose.
func (m Migration) Goose() (string, error) { return execute("goose", m) }

func execute(name string, data any) (string, error) {
	var b strings.Builder
	err := templates.ExecuteTemplate(&b, name, data)
	return b.String(), err
}

// Render writes the SQL of a plan that Plan.Check has found nothing against. The same
// plan and catalog give the same text.
func Render(p Plan, cat *Catalog) (Migration, error) {
	r := &renderer{plan: p, cat: cat, table: cat.Table, clips: cat.ClipsTable}
	m := Migration{Name: r.Name(), Relation: cat.Table.ID}
	var err error
	if m.Prepare, err = execute("prepare", r); err != nil {
		return m, err
	}
	m.Indexes = r.indexes()
	if m.Layer, err = execute("layer", r); err != nil {
		return m, err
	}
	if m.Unlayer, err = execute("unlayer", struct{ Tables []string }{[]string{r.Table()}}); err != nil {
		return m, err
	}
	m.Unprepare, err = execute("unprepare", r)
	return m, err
}

// renderer gives the templates their pieces.
type renderer struct {
	plan  Plan
	cat   *Catalog
	table *Table
	clips *Table // nil: the clips stand on the row
}

// column returns the application's column for one of music_generations, or nil.
func (r *renderer) column(role string) *Column {
	name := r.plan.Columns[role]
	if name == "" {
		return nil
	}
	return r.table.column(name)
}

// Name is the table's name for comments.
func (r *renderer) Name() string { return r.table.String() }

// Table is the table's quoted name.
func (r *renderer) Table() string { return r.table.SQL() }

// Regclass is the table as a constant of type regclass.
func (r *renderer) Regclass() string { return literal(r.Table()) + "::pg_catalog.regclass" }

// ID is the uuid of the row that alias names; "" is the row at hand.
func (r *renderer) ID(alias string) string { return idExpr(alias, r.column("id")) }

// Task is the provider's id of the task.
func (r *renderer) Task(alias string) string { return textExpr(alias, r.column("task_id")) }

// Status is the status in our words.
func (r *renderer) Status(alias string) string {
	return statusExpr(alias, r.column("status"), r.plan.Words)
}

// User is the row's user.
func (r *renderer) User(alias string) string {
	c := r.column("user_id")
	switch {
	case c == nil:
		return "NULL::uuid"
	case c.Base == "uuid":
		return of(alias, c)
	default:
		return textExpr(alias, c)
	}
}

// Type is the task type. A row without a task has none, so that tasksync leaves it alone:
// it may wait in a queue of the application's for as long as it likes.
func (r *renderer) Type(alias string) string {
	value := literal(r.plan.Type) + "::text"
	if c := r.column("task_type"); c != nil {
		value = typeExpr(alias, c, r.plan.TypeWords)
	}
	return fmt.Sprintf("CASE WHEN %s <> '' THEN %s END", r.Task(alias), value)
}

// Created is when the row was made.
func (r *renderer) Created(alias string) string { return r.timeExpr(alias, r.column("created_at")) }

// Provider is the name of the row's provider.
func (r *renderer) Provider(alias string) string {
	if c := r.column("provider"); c != nil {
		return textExpr(alias, c)
	}
	return "NULL::text"
}

// Pending is whether a row is pending, in the words of the queries: from it the planner
// knows that an index can be used.
func (r *renderer) Pending(alias string) string {
	return fmt.Sprintf("(%s) IS NOT NULL AND %s", r.Type(alias), r.isOneOf(alias, task.PendingWords()))
}

// odd is whether a row has a word that means neither a pending row nor one that has
// ended, in the words of the query that lists such words.
func (r *renderer) odd() string {
	return fmt.Sprintf("(%s) IS NOT NULL AND (%s) IS NOT TRUE", r.Type(""), r.isOneOf("", slices.Concat(task.PendingWords(), task.EndedWords())))
}

// LowerStatus is the status as the queries compare it.
func (r *renderer) LowerStatus() string { return r.lowerStatus("") }

func (r *renderer) lowerStatus(alias string) string {
	return fmt.Sprintf(`lower((%s) COLLATE "C")`, r.Status(alias))
}

// StatusColumn is the quoted name of the column of statuses.
func (r *renderer) StatusColumn() string { return ident(r.column("status").Name) }

// isOneOf is whether the status is one of some words, in any case.
func (r *renderer) isOneOf(alias string, words []string) string {
	return fmt.Sprintf("%s = ANY (%s)", r.lowerStatus(alias), array(words))
}

// array returns words of tasksync's as one constant.
func array(words []string) string {
	return literal(`{"`+strings.Join(words, `","`)+`"}`) + "::text[]"
}

// State is a column about the end of a row: of the table, or what is kept beside it. A
// row that the application has made pending again has nothing there. A text that was cut
// reads in full.
func (r *renderer) State(role string) string {
	switch c := r.column(role); {
	case c == nil:
		return r.beside(role)
	case c.Length > 0:
		return fmt.Sprintf("coalesce((SELECT s.%[1]s FROM tasksync.adopted_state AS s WHERE s.id = %[2]s AND left(s.%[1]s, %[3]d) = %[4]s), %[4]s)",
			role, r.ID("g"), c.Length, textExpr("g", c))
	default:
		return textExpr("g", c)
	}
}

func (r *renderer) beside(role string) string {
	return fmt.Sprintf("CASE WHEN (%s) IN ('complete', 'failed') THEN (SELECT s.%s FROM tasksync.adopted_state AS s WHERE s.id = %s) END",
		r.Status("g"), role, r.ID("g"))
}

// Time is a time of the row.
func (r *renderer) Time(role string) string {
	switch c := r.column(role); {
	case c != nil:
		return r.timeExpr("g", c)
	case role == "updated_at":
		return fmt.Sprintf("(SELECT s.updated_at FROM tasksync.adopted_state AS s WHERE s.id = %s)", r.ID("g"))
	default:
		return r.beside(role)
	}
}

// HasState reports whether something about the end is kept beside the row.
func (r *renderer) HasState() bool {
	return slices.ContainsFunc([]string{"error_code", "error_message", "completed_at"}, func(role string) bool { c := r.column(role); return c == nil || c.Length > 0 })
}

// SetGeneration assigns what an update of music_generations changes.
func (r *renderer) SetGeneration() string {
	status := r.column("status")
	set := []string{fmt.Sprintf("%s = CASE WHEN NEW.status IS DISTINCT FROM OLD.status THEN %s ELSE %s END",
		ident(status.Name), wordExpr("NEW.status", status, r.plan.Words), of("g", status))}
	for _, role := range []string{"error_code", "error_message", "updated_at", "completed_at"} {
		c := r.column(role)
		if c == nil {
			continue
		}
		value := r.writeExpr(role, "NEW."+role, c)
		if isTime(*c) && c.Required {
			value = fmt.Sprintf("coalesce(%s, %s)", value, of("g", c))
		}
		set = append(set, ident(c.Name)+" = "+value)
	}
	return strings.Join(set, ",\n        ")
}

// Comment tells the daemon and the doctor what the view is.
func (r *renderer) Comment() string {
	return literal(database.AdoptionComment(r.Name(), r.plan.Statuses()))
}

// ClipsComment is the comment of music_clips.
func (r *renderer) ClipsComment() string {
	return literal("tasksync adopt: the clips of " + r.Name())
}

// digest tells one version of the SQL from another.
func digest(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:16] }

package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/internal/database"
	"tasksync/queries"
	"tasksync/task"
)

// A trial is a made-up row as tasksync would write it, and what is lost if it is
// rejected.
type trial struct {
	row  madeUpRow
	what string // "status complete"
	need bool   // a rejection would keep rows pending for ever
}

// seeConstraints tries the CHECK constraints and the domains of the application's
// tables with rows as tasksync writes them. What it takes to try them is evaluated
// apart from the tables, so nothing is written. A constraint that refuses the word
// complete keeps every result out; one that refuses a word in between only hides
// progress.
//
// A constraint that is about further columns, too, cannot be judged by a made-up row:
// it is named if it accepts the row as an application inserts it and then refuses
// what tasksync makes of it.
func (d *doctor) seeConstraints(ctx context.Context) {
	checks, err := d.queries.DoctorCheckList(ctx, d.pool)
	if err != nil {
		d.trouble("constraints", err)
		return
	}
	tables, err := d.loadTables(ctx)
	if err != nil {
		d.trouble("constraints", err)
		return
	}
	for _, name := range ownNames {
		t := tables[name]
		if len(t.columns) == 0 || d.mistyped(t) {
			continue // the columns are told already
		}
		of := slices.DeleteFunc(slices.Clone(checks), func(c queries.DoctorCheckListRow) bool { return c.TableName != name })
		if len(of) == 0 && !t.hasDomains() {
			continue
		}
		found, err := d.refusals(ctx, t, of, d.trials(t))
		if err != nil {
			d.trouble("constraints", err)
			return
		}
		for _, r := range found {
			d.find(r.finding(d))
		}
	}
}

// hasDomains reports whether a column may have a domain as its type.
func (t table) hasDomains() bool {
	return slices.ContainsFunc(t.columns, func(c queries.DoctorColumnListRow) bool { return !strings.HasPrefix(c.Shown, c.BaseShown) })
}

// mistyped reports whether a column has a type that tasksync cannot work with.
func (d *doctor) mistyped(t table) bool {
	return slices.ContainsFunc(t.columns, func(c queries.DoctorColumnListRow) bool {
		_, used := typeOf(t.name, c.ColumnName)
		return used && !fits(t.name, c)
	})
}

// trials are the rows to try; the first is as an application inserts it.
func (d *doctor) trials(t table) []trial {
	var all []trial
	add := func(need bool, what string, status task.Status, more madeUpRow) {
		row := madeUp(t, d.cfg.word(status))
		for name, value := range more {
			if c, ok := t.column(name); ok && fits(t.name, c) {
				row[name] = value
			}
		}
		all = append(all, trial{row, what, need})
	}
	add(false, "", task.Submitted, nil)
	for _, s := range []task.Status{task.Processing, task.Streaming} {
		add(false, "status "+d.cfg.word(s), s, nil)
	}
	ended := madeUpRow{"completed_at": madeUpTime}
	if t.name == "music_clips" {
		ended = madeUpRow{"title": "A song", "audio_url": "https://cdn.example/a.mp3", "image_url": "https://cdn.example/a.jpeg", "model_name": "chirp-v4", "duration": "125"}
		add(true, "status "+d.cfg.word(task.Failed), task.Failed, nil)
	} else {
		for _, code := range codes {
			failed := madeUpRow{"error_code": string(code), "error_message": "Task timed out after 10 minutes."}
			maps.Copy(failed, ended)
			add(true, "status "+d.cfg.word(task.Failed)+" with error_code "+string(code), task.Failed, failed)
		}
	}
	add(true, "status "+d.cfg.word(task.Complete), task.Complete, ended)
	return all
}

var codes = []task.Code{
	task.APIError, task.InappropriateContent, task.ModerationFlagged, task.Copyrighted, task.ProducerTag, task.MalformedPrompt, task.InvalidRequest,
}

// A refusal is a constraint with what it refuses.
type refusal struct {
	table      string
	constraint string // quoted for SQL
	domain     string // whose constraint it is; "": the table's
	expression string
	sure       bool // it is about nothing but columns that tasksync writes
	need       bool
	what       []string
}

// refusals tries all constraints at once. If an expression cannot be evaluated, or a
// domain refuses a value, it tries one row after the other.
func (d *doctor) refusals(ctx context.Context, t table, checks []queries.DoctorCheckListRow, trials []trial) ([]*refusal, error) {
	conditions := []string{valued(trials[0].row)}
	for _, c := range checks {
		conditions = append(conditions, fmt.Sprintf("(%s) IS NOT FALSE", c.Expression))
	}
	rows := make([]madeUpRow, len(trials))
	for i, tr := range trials {
		rows[i] = tr.row
	}
	holds, err := d.try(ctx, t, rows, conditions)
	if err == nil {
		return judge(t, checks, trials, holds), nil
	}
	if database.Away(err) || database.Code(err) == "" {
		return nil, err
	}
	var found []*refusal
	holds = make([][]bool, len(trials))
	for i, tr := range trials {
		one, err := d.try(ctx, t, rows[i:i+1], conditions)
		pg, refused := errors.AsType[*pgconn.PgError](err)
		switch {
		case err == nil:
			holds[i] = one[0]
		case !refused || database.Away(err):
			return nil, err
		case pg.Code == database.CheckViolation && pg.DataTypeName != "":
			found = d.refusedByDomain(ctx, found, t, tr, pg)
		default:
			d.say(Warning, "constraints of "+t.name+" cannot be tried (SQLSTATE "+pg.Code+")", "see whether they accept the words complete and failed in column status")
			return found, nil
		}
	}
	return append(found, judge(t, checks, trials, holds)...), nil
}

// valued is a condition that always holds, for which Postgres must make the values of
// a row, so that domains check them.
func valued(row madeUpRow) string {
	columns := []string{"NULL"}
	for name := range row {
		columns = append(columns, pgx.Identifier{name}.Sanitize())
	}
	return "num_nulls(" + strings.Join(columns, ", ") + ") >= 0"
}

// judge says which constraints refuse which trials. The answers to a trial are nil if
// it could not be made.
func judge(t table, checks []queries.DoctorCheckListRow, trials []trial, holds [][]bool) []*refusal {
	var found []*refusal
	for i, c := range checks {
		sure := !slices.ContainsFunc(c.Columns, func(name string) bool { return !slices.Contains(tried(t.name), name) })
		if !slices.ContainsFunc(c.Columns, func(name string) bool { return slices.Contains(written(t.name), name) }) ||
			(!sure && !accepts(holds[0], i)) {
			continue
		}
		r := &refusal{table: t.name, constraint: c.Name, expression: c.Expression, sure: sure}
		for n, tr := range trials {
			if holds[n] != nil && !accepts(holds[n], i) && tr.what != "" {
				r.need, r.what = r.need || tr.need, append(r.what, tr.what)
			}
		}
		if len(r.what) > 0 {
			found = append(found, r)
		}
	}
	return found
}

// accepts reports whether constraint i accepts the row with these answers, of which
// the first is that of valued.
func accepts(answers []bool, i int) bool { return i+1 < len(answers) && answers[i+1] }

// tried are the columns that a trial gives the values that they will have.
func tried(table string) []string {
	if table == "music_clips" {
		return []string{"status"} // the others have values of the provider's
	}
	return append([]string{"task_type"}, writtenColumns...)
}

// refusedByDomain adds what the domain of a column refuses.
func (d *doctor) refusedByDomain(ctx context.Context, found []*refusal, t table, tr trial, pg *pgconn.PgError) []*refusal {
	if tr.what == "" {
		return found
	}
	name := pgx.Identifier{pg.ConstraintName}.Sanitize()
	for _, r := range found {
		if r.domain != "" && r.constraint == name {
			r.need, r.what = r.need || tr.need, append(r.what, tr.what)
			return found
		}
	}
	r := &refusal{table: t.name, constraint: name, domain: pgx.Identifier{pg.SchemaName, pg.DataTypeName}.Sanitize(), sure: true, need: tr.need, what: []string{tr.what}}
	check, err := d.queries.DoctorDomainCheckGet(ctx, d.pool, queries.DoctorDomainCheckGetParams{SchemaName: pg.SchemaName, DomainName: pg.DataTypeName, Name: pg.ConstraintName})
	if err == nil {
		r.expression = check.Expression
	}
	return append(found, r)
}

package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tasksync/queries"
)

// ownTables are the privileges that the queries in sql/ need on the application's
// tables: on each of these columns, as a privilege on the table covers its columns.
// FOR NO KEY UPDATE needs UPDATE on any column.
var ownTables = []struct{ table, privilege, columns string }{
	{"music_generations", "SELECT", "id user_id task_id task_type provider status error_code error_message created_at updated_at completed_at"},
	{"music_generations", "UPDATE", "status error_code error_message updated_at completed_at"},
	{"music_clips", "SELECT", "id generation_id " + clipValues + " created_at updated_at"},
	{"music_clips", "INSERT", "generation_id " + clipValues},
	{"music_clips", "UPDATE", clipValues + " updated_at"},
}

// clipValues are the columns of music_clips that have a value of the provider's.
const clipValues = "clip_id status title audio_url stream_audio_url video_url image_url lyrics tags model_name duration"

// ourTables are the privileges on tables in schema tasksync. Without budgets and
// budget_shares a daemon keeps to the limit alone.
var ourTables = []struct{ tables, privileges string }{
	{"generation_events event_tickets", "SELECT INSERT DELETE"},
	{"event_tickets late_results look_models archived_files", "SELECT INSERT UPDATE"},
	{"generation_memory feed_lease river_job river_leader river_queue river_notification", "SELECT INSERT UPDATE DELETE"},
}

// notifyTables are the privileges of a daemon that tells servers of ends.
var notifyTables = []struct{ tables, privileges string }{
	{"notifications", "SELECT INSERT UPDATE DELETE"},
}

var sharedTables = []struct{ tables, privileges string }{
	{"budgets budget_shares", "SELECT INSERT UPDATE DELETE"},
}

// operatorTables are the privileges without which a daemon does its work, but operators
// see less of it, and their pauses have no effect.
var operatorTables = []struct{ tables, privileges string }{
	{"generation_looks", "SELECT INSERT UPDATE DELETE"},
	{"pauses", "SELECT"},
}

// seeOwnRights examines the privileges on the application's tables as far as they
// exist: without them no row can be followed, whoever applies the migrations.
func (d *doctor) seeOwnRights(ctx context.Context) {
	var w wantedRights
	w.add("schema", "public", "", "", "USAGE")
	for _, t := range ownTables {
		for column := range strings.FieldsSeq(t.columns) {
			w.add("column", "public", t.table, column, t.privilege)
		}
	}
	d.needRights(ctx, w, Bad, "or connect as the owner of the tables")
}

// seeRights examines the privileges on everything that the daemon works with.
func (d *doctor) seeRights(ctx context.Context) {
	var w, shares, operators wantedRights
	w.add("schema", "tasksync", "", "", "USAGE")
	w.add("table", "public", "tasksync_goose_version", "", "SELECT")
	w.add("sequence", "tasksync", "river_job_id_seq", "", "USAGE")
	w.add("sequence", "tasksync", "river_notification_id_seq", "", "USAGE")
	w.add("function", "tasksync", "river_job_state_in_bitmask", "", "EXECUTE")
	w.add("function", "pg_catalog", "pg_notify", "", "EXECUTE")
	w.addTables(ourTables)
	if d.cfg.Notify {
		w.addTables(notifyTables)
	}
	shares.add("function", "tasksync", "renew_share", "", "EXECUTE")
	shares.addTables(sharedTables)
	operators.addTables(operatorTables)
	if !d.needRights(ctx, w, Bad, "or connect as the role that ran the migrations") {
		return
	}
	whole := d.needRights(ctx, operators, Warning, "until then `tasksync explain` lacks looks, or `tasksync pause` has no effect")
	if d.needRights(ctx, shares, Warning, "until then each daemon keeps to the provider's limit alone") && whole {
		d.say(Good, "rights: role "+d.role+" may do all that a daemon does", "")
	}
}

// seeOwner tells who may change the schema. A daemon needs no ownership.
func (d *doctor) seeOwner(ctx context.Context) {
	o, err := d.queries.DoctorOwnerGet(ctx, d.pool)
	switch {
	case err != nil:
		d.trouble("owner", err)
	case o.Owns:
		d.say(Good, "owner: role "+d.role+" owns music_generations", "")
	default:
		d.say(Warning, fmt.Sprintf("owner: music_generations belongs to role %s", o.Owner), "connect as %s, or as a role that acts as it, for `tasksync migrate` and `tasksync feed trigger`; the daemon needs no more", o.Owner)
	}
}

// wantedRights are privileges to look for.
type wantedRights queries.DoctorRightListMissingParams

func (w *wantedRights) add(kind, schema, relation, column, privilege string) {
	w.Kinds, w.Schemas, w.Relations = append(w.Kinds, kind), append(w.Schemas, schema), append(w.Relations, relation)
	w.Columns, w.Privileges = append(w.Columns, column), append(w.Privileges, privilege)
}

func (w *wantedRights) addTables(list []struct{ tables, privileges string }) {
	for _, l := range list {
		for table := range strings.FieldsSeq(l.tables) {
			for privilege := range strings.FieldsSeq(l.privileges) {
				w.add("table", "tasksync", table, "", privilege)
			}
		}
	}
}

// needRights says which of the wanted privileges the role lacks, and reports whether
// it lacks none.
func (d *doctor) needRights(ctx context.Context, w wantedRights, l Level, otherwise string) bool {
	missing, err := d.queries.DoctorRightListMissing(ctx, d.pool, queries.DoctorRightListMissingParams(w))
	if err != nil {
		d.trouble("rights", err)
		return false
	}
	if len(missing) == 0 {
		return true
	}
	grants := grantsOf(missing)
	var lacks, statements []string
	for _, g := range grants {
		lacks = append(lacks, g.String())
		statements = append(statements, g.statement(d.role))
	}
	d.find(Finding{
		Level: l, What: "rights: role " + d.role + " lacks " + strings.Join(lacks, ", "),
		Next: otherwise + ", or run as the owner", SQL: strings.Join(statements, "\n"),
	})
	return false
}

// A grant is what is missing on one object.
type grant struct {
	object     string // as in GRANT … ON
	name       string // as people call it
	privileges []string
	columns    map[string][]string // by privilege, if it is a matter of columns
}

// grantsOf gathers the missing privileges by object, in their order.
func grantsOf(missing []queries.DoctorRightListMissingRow) []*grant {
	var grants []*grant
	for _, m := range missing {
		object, name := objectOf(m)
		i := slices.IndexFunc(grants, func(g *grant) bool { return g.object == object })
		if i < 0 {
			i = len(grants)
			grants = append(grants, &grant{object: object, name: name, columns: map[string][]string{}})
		}
		g := grants[i]
		if !slices.Contains(g.privileges, m.Privilege) {
			g.privileges = append(g.privileges, m.Privilege)
		}
		if m.Kind == "column" {
			g.columns[m.Privilege] = append(g.columns[m.Privilege], m.ColumnName)
		}
	}
	for _, g := range grants {
		for privilege, columns := range g.columns {
			if all := columnsOf(g.name, privilege); len(columns) == len(all) {
				delete(g.columns, privilege) // the privilege on the table is shorter
			}
		}
	}
	return grants
}

// columnsOf returns the columns of ownTables.
func columnsOf(table, privilege string) []string {
	for _, t := range ownTables {
		if t.table == table && t.privilege == privilege {
			return strings.Fields(t.columns)
		}
	}
	return nil
}

func objectOf(m queries.DoctorRightListMissingRow) (object, name string) {
	full := m.SchemaName + "." + m.Relation
	switch m.Kind {
	case "schema":
		return "SCHEMA " + m.SchemaName, "schema " + m.SchemaName
	case "function":
		return "FUNCTION " + full, "function " + full
	case "sequence":
		return "SEQUENCE " + full, full
	case "column":
		return full, m.Relation
	}
	return full, full
}

// String names the privileges and their object.
func (g *grant) String() string { return g.list() + " on " + g.name }

func (g *grant) list() string {
	words := make([]string, len(g.privileges))
	for i, p := range g.privileges {
		words[i] = p
		if columns := g.columns[p]; len(columns) > 0 {
			words[i] += " (" + strings.Join(columns, ", ") + ")"
		}
	}
	return strings.Join(words, ", ")
}

func (g *grant) statement(role string) string {
	return "GRANT " + g.list() + " ON " + g.object + " TO " + role + ";"
}

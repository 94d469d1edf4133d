package doctor

import (
	"context"
	"fmt"

	"tasksync/internal/database"
	"tasksync/migrations"
)

// when says at which moment of a start a check is made.
type when int

const (
	form    when = iota // before the migrations, which cannot be applied to what is bad
	before              // then, still before them; what is bad refuses the start
	schema              // a daemon migrates instead, or refuses to start
	after               // when the schema is current; what is bad refuses the start
	beside              // while the daemon works; what is found is logged
	command             // by the command only: about the daemons that run, or at a cost
)

// A check examines one thing and says what it finds.
type check struct {
	when when
	name string // stays the same, for programs that read `tasksync doctor --json`
	see  func(*doctor, context.Context)
}

// checks is the list, in the order in which things depend on each other. A check of
// the database stands here and nowhere else, so that a start and the command never
// differ.
func checks() []check {
	return []check{
		{form, "server", (*doctor).seeServer},
		{form, "tables", (*doctor).seeRelations},
		{form, "columns", (*doctor).seeColumns},

		{before, "lookalikes", (*doctor).seeLookalikes},
		{before, "rights", (*doctor).seeOwnRights},
		{before, "row_security", (*doctor).seeRowSecurity},
		{before, "clip_columns", (*doctor).seeClipColumns},
		{before, "written_columns", (*doctor).seeWrittenColumns},
		{before, "lengths", (*doctor).seeLengths},
		{before, "constraints", (*doctor).seeConstraints},
		{before, "keys", (*doctor).seeKeys},
		{before, "raising_triggers", (*doctor).seeRaisingTriggers},

		{schema, "schema", (*doctor).seeSchema},

		{after, "missing_columns", (*doctor).seeMissingColumns},
		{after, "adoption", (*doctor).seeAdoption},
		{after, "rights", (*doctor).seeRights},
		{after, "row_security", (*doctor).seeOurRowSecurity},
		{after, "providers", (*doctor).seeProviders},
		{after, "settle", (*doctor).seeSettle},

		{beside, "open_tables", (*doctor).seeOpenTables},
		{beside, "zone", (*doctor).seeZone},
		{beside, "rows", (*doctor).seeRows},
		{beside, "pauses", (*doctor).seePauses},
		{beside, "status_default", (*doctor).seeStatusDefault},
		{beside, "end_words", (*doctor).seeEndWords},
		{beside, "unsubmitted", (*doctor).seeUnsubmitted},
		{beside, "overdue", (*doctor).seeOverdue},
		{beside, "late_results", (*doctor).seeLate},
		{beside, "quarantined_settlements", (*doctor).seeQuarantined},
		{beside, "unsettled", (*doctor).seeUnsettled},

		{command, "accounts", (*doctor).seeAccounts},
		{command, "status_words", (*doctor).seeStatusWords}, // the sweep logs them
		{command, "owner", (*doctor).seeOwner},
		{command, "connections", (*doctor).seeConnections},
		{command, "triggers", (*doctor).seeTriggers},
		{command, "feed", (*doctor).seeFeed},
		{command, "slot", (*doctor).seeSlot},
		{command, "limits", (*doctor).seeLimits},
		{command, "looks", (*doctor).seeLooks},
		{command, "notifications", (*doctor).seeNotifications},
	}
}

// run makes the checks of w, and reports whether the later ones make sense: nothing
// that they depend on is bad.
func (d *doctor) run(ctx context.Context, w when) (goOn bool) {
	for _, c := range checks() {
		if c.when == w && ctx.Err() == nil && (w > before || !d.down) {
			d.check = c.name
			c.see(d, ctx)
		}
	}
	return !d.bad || w > schema
}

// oldest is the oldest version of Postgres that tasksync works with.
const oldest = 140000

func (d *doctor) seeServer(ctx context.Context) {
	server, err := d.queries.DoctorServerGet(ctx, d.pool)
	if err != nil {
		d.down = true
		d.trouble("database", err)
		return
	}
	d.role = server.Role
	what := fmt.Sprintf("database: Postgres %s, as role %s", server.Version, server.Role)
	switch {
	case server.VersionNum < oldest:
		d.say(Bad, what, "Postgres 14 or later is needed")
	case server.Standby:
		d.say(Bad, what, "this is a standby, which is read-only; give the address of the primary")
	case !server.HasPublic:
		d.find(Finding{
			Level: Bad, What: "database: there is no schema public, in which music_generations and music_clips stand",
			Next: "for tables in another schema `tasksync adopt` makes views there; run as the owner of the database", SQL: "CREATE SCHEMA public;",
		})
	default:
		d.say(Good, what, "")
	}
}

func (d *doctor) seeSchema(ctx context.Context) {
	m, err := migrations.Open(d.pool)
	if err == nil {
		defer m.Close()
		var pending bool
		if pending, err = m.Pending(ctx); err == nil && pending {
			d.say(Bad, "schema: migrations are pending", "run `tasksync migrate up`, or `tasksync run`")
			return
		}
	}
	var missing string
	if err == nil {
		missing, err = database.MissingTables(ctx, d.pool)
	}
	switch {
	case err != nil:
		d.trouble("schema", err)
	case missing != "":
		d.say(Bad, "schema: "+missing, "")
	default:
		d.say(Good, "schema: current", "")
	}
}

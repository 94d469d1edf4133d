package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/feed"
	"tasksync/migrations"
	"tasksync/queries"
)

// A Verdict is what the doctor thinks of one thing.
type Verdict string

// The verdicts.
const (
	Good    Verdict = "ok"
	Warning Verdict = "warn" // it works, but not as well as it could
	Bad     Verdict = "FAIL" // the daemon cannot do its work
)

// A Finding is one thing that the doctor looked at.
type Finding struct {
	Verdict Verdict
	What    string
	Next    string // what to do; "" where there is nothing
	Err     error  // of the settings, where Next is about them: most likely a [FieldError]
}

// String is the finding in one line.
func (f Finding) String() string {
	if f.Next == "" {
		return fmt.Sprintf("%-4s %s", f.Verdict, f.What)
	}
	return fmt.Sprintf("%-4s %s: %s", f.Verdict, f.What, f.Next)
}

// Doctor looks at everything that a daemon with cfg needs and tells what it
// finds, one by one. It changes nothing. It returns an error only when ctx ends.
func Doctor(ctx context.Context, cfg Config, tell func(Finding)) error {
	d := &doctor{cfg: cfg.withDefaults(), queries: queries.New(), tell: tell}
	if err := d.cfg.validate(); err != nil {
		d.tell(Finding{Verdict: Bad, What: "settings", Next: err.Error(), Err: err})
		if _, err := pgxpool.ParseConfig(d.cfg.DatabaseURL); err != nil || d.cfg.DatabaseURL == "" {
			return ctx.Err()
		}
	} else {
		d.say(Good, "settings: provider "+d.cfg.Providers[0].Name, "")
	}
	d.examine(ctx)
	return ctx.Err()
}

type doctor struct {
	cfg     Config
	queries *queries.Queries
	pool    *pgxpool.Pool
	server  queries.DoctorServerGetRow
	pending int64 // rows
	pooled  bool  // DATABASE_URL leads to a pooler in transaction mode
	session *pgx.ConnConfig
	tell    func(Finding)
}

func (d *doctor) say(v Verdict, what, next string, args ...any) {
	d.tell(Finding{Verdict: v, What: what, Next: fmt.Sprintf(next, args...)})
}

// examine goes on where it can: what depends on a thing that is missing is not
// looked at.
func (d *doctor) examine(ctx context.Context) {
	pool, err := OpenPool(ctx, d.cfg.DatabaseURL)
	if err != nil {
		d.say(Bad, "database", "%s", err)
		return
	}
	defer pool.Close()
	d.pool = pool
	if !d.seeServer(ctx) || !d.seeColumns(ctx) || !d.seeSchema(ctx) {
		return
	}
	d.seeRights()
	d.seeConnections(ctx)
	d.seeTriggers(ctx)
	d.seeFeed(ctx)
	d.seeSlot(ctx)
	d.seeRows(ctx)
	d.seeOverdue(ctx)
	d.seeLate(ctx)
}

// oldest is the oldest Postgres that will do.
const oldest = 140000

func (d *doctor) seeServer(ctx context.Context) bool {
	server, err := d.queries.DoctorServerGet(ctx, d.pool)
	if err != nil {
		d.say(Bad, "database", "%s", redactDSN(err, d.cfg.DatabaseURL))
		return false
	}
	d.server = server
	what := fmt.Sprintf("database: Postgres %s, as role %s", server.Version, server.Role)
	switch {
	case server.VersionNum < oldest:
		d.say(Bad, what, "Postgres 14 or later is wanted")
	case server.Standby:
		d.say(Bad, what, "this is a standby, which cannot be written; give the address of the primary")
	default:
		d.say(Good, what, "")
		return true
	}
	return false
}

// seeColumns is before the schema: migrations fail on some columns.
func (d *doctor) seeColumns(ctx context.Context) bool {
	wrong, err := misfits(ctx, d.pool)
	if err != nil {
		d.say(Bad, "columns", "%s", err)
		return false
	}
	good := true
	for _, m := range wrong {
		if m.usersOnly() {
			d.say(Warning, "columns", "%s for the HTTP API for users", m)
			continue
		}
		good = false
		d.say(Bad, "columns", "%s", m)
	}
	return good
}

func (d *doctor) seeSchema(ctx context.Context) bool {
	m, err := migrations.Open(d.pool)
	if err == nil {
		defer m.Close()
		var pending bool
		if pending, err = m.Pending(ctx); err == nil && pending {
			d.say(Bad, "schema: migrations are pending", "run `tasksync migrate up`, or `tasksync run`")
			return false
		}
	}
	var missing []string
	if err == nil {
		missing, err = d.queries.DoctorTableListMissing(ctx, d.pool)
	}
	switch {
	case err != nil:
		d.say(Bad, "schema", "%s", err)
		return false
	case len(missing) > 0:
		d.say(Bad, "schema", "%s", missingTables(missing))
		return false
	}
	d.say(Good, "schema: current", "")
	return true
}

func (d *doctor) seeRights() {
	switch {
	case !d.server.MayWrite || !d.server.InSchema:
		d.say(Bad, "rights", "let role %[1]s SELECT and UPDATE music_generations and music_clips, and use schema tasksync, or connect as the role that ran the migrations", d.server.Role)
	case !d.server.OwnsTable:
		d.say(Warning, "rights: role "+d.server.Role+" does not own music_generations", "connect as the owner for `tasksync migrate` and `tasksync feed trigger`")
	default:
		d.say(Good, "rights: role "+d.server.Role+" owns music_generations", "")
	}
}

// hears reports whether a session at listen hears what goes through
// DATABASE_URL; an error that is not feed.ErrDeaf is that of the connection.
func (d *doctor) hears(ctx context.Context, listen *pgx.ConnConfig) (bool, error) {
	err := feed.Probe(ctx, listen, d.pool.Config().ConnConfig)
	if errors.Is(err, feed.ErrDeaf) {
		return false, nil
	}
	return err == nil, err
}

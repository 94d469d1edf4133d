// Package doctor examines everything that a daemon needs and says what to do where
// something is wrong. It changes nothing.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/daemon"
	"tasksync/feed/wal"
	"tasksync/internal/database"
	"tasksync/migrations"
	"tasksync/queries"
)

// A Level is how good a finding is.
type Level string

// The levels.
const (
	Good    Level = "ok"
	Warning Level = "warn" // it works, but not as well as it could
	Bad     Level = "FAIL" // the daemon cannot do its work
)

// A Finding is what the doctor says about one thing.
type Finding struct {
	Level Level
	What  string
	Next  string // what to do; "" if there is nothing to do
	Err   error  // of the settings, if Next is about them: most likely a [daemon.FieldError]
}

// String returns the finding in one line.
func (f Finding) String() string {
	if f.Next == "" {
		return fmt.Sprintf("%-4s %s", f.Level, f.What)
	}
	return fmt.Sprintf("%-4s %s: %s", f.Level, f.What, f.Next)
}

// Examine examines everything that a daemon with cfg needs, and passes its findings
// to tell, one by one. It returns an error only when ctx ends.
func Examine(ctx context.Context, cfg daemon.Config, tell func(Finding)) error {
	d := &doctor{cfg: cfg.WithDefaults(), queries: queries.New(), tell: tell}
	d.cfg.SlotLimit = cmp.Or(d.cfg.SlotLimit, wal.DefaultSlotLimit)
	if err := d.cfg.Validate(); err != nil {
		d.tell(Finding{Level: Bad, What: "settings", Next: err.Error(), Err: err})
		if d.cfg.DatabaseURL == "" || database.ValidateURL(d.cfg.DatabaseURL) != nil {
			return ctx.Err()
		}
	} else {
		d.say(Good, "settings: provider "+d.cfg.Providers[0].Name, "")
	}
	d.examine(ctx)
	return ctx.Err()
}

type doctor struct {
	cfg     daemon.Config
	queries *queries.Queries
	pool    *pgxpool.Pool
	server  queries.DoctorServerGetRow
	pending int64           // rows
	pooled  bool            // DATABASE_URL leads to a pooler in transaction mode
	session *pgx.ConnConfig // on which LISTEN works; nil: there is none
	tell    func(Finding)
}

func (d *doctor) say(l Level, what, next string, args ...any) {
	d.tell(Finding{Level: l, What: what, Next: fmt.Sprintf(next, args...)})
}

// examine goes on where it can: it skips what depends on a thing that is missing.
func (d *doctor) examine(ctx context.Context) {
	pool, err := database.Connect(ctx, d.cfg.DatabaseURL)
	if err != nil {
		d.say(Bad, "database", "%s", err)
		return
	}
	defer pool.Close()
	d.pool = pool
	if !d.seeServer(ctx) || !d.seeColumns(ctx) || !d.seeSchema(ctx) {
		return
	}
	d.seeAdoption(ctx)
	d.seeRights()
	d.seeConnections(ctx)
	d.seeTriggers(ctx)
	d.seeFeed(ctx)
	d.seeSlot(ctx)
	d.seeLooks(ctx)
	d.seeRows(ctx)
	d.seeOverdue(ctx)
	d.seeLate(ctx)
}

// oldest is the oldest version of Postgres that tasksync works with.
const oldest = 140000

func (d *doctor) seeServer(ctx context.Context) bool {
	server, err := d.queries.DoctorServerGet(ctx, d.pool)
	if err != nil {
		d.say(Bad, "database", "%s", database.RedactURL(err, d.cfg.DatabaseURL))
		return false
	}
	d.server = server
	what := fmt.Sprintf("database: Postgres %s, as role %s", server.Version, server.Role)
	switch {
	case server.VersionNum < oldest:
		d.say(Bad, what, "Postgres 14 or later is needed")
	case server.Standby:
		d.say(Bad, what, "this is a standby, which is read-only; give the address of the primary")
	default:
		d.say(Good, what, "")
		return true
	}
	return false
}

// seeColumns comes before seeSchema: migrations fail on some columns.
func (d *doctor) seeColumns(ctx context.Context) bool {
	bad, err := database.BadColumns(ctx, d.pool)
	if err != nil {
		d.say(Bad, "columns", "%s", err)
		return false
	}
	good := true
	for _, c := range bad {
		if c.UsersOnly() {
			d.say(Warning, "columns", "%s for the HTTP API for users", c)
			continue
		}
		good = false
		d.say(Bad, "columns", "%s", c)
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
	var missing string
	if err == nil {
		missing, err = database.MissingTables(ctx, d.pool)
	}
	switch {
	case err != nil:
		d.say(Bad, "schema", "%s", err)
		return false
	case missing != "":
		d.say(Bad, "schema", "%s", missing)
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

// hears reports whether a session at listen hears what is notified through
// DATABASE_URL. It returns an error when one of them cannot be reached.
func (d *doctor) hears(ctx context.Context, listen *pgx.ConnConfig) (bool, error) {
	err := database.CheckListen(ctx, listen, d.pool.Config().ConnConfig)
	if errors.Is(err, database.ErrNoListen) {
		return false, nil
	}
	return err == nil, err
}

// Package doctor examines a database and everything else that a daemon needs, and
// says what to do where something is wrong. It changes nothing.
//
// There is one list of checks. A daemon goes through it when it starts: what would
// lose results or leave rows lying makes it refuse to start, before it changes
// anything (before) or before it looks at a row (after); the rest is logged while it
// works (beside). `tasksync doctor` goes through the whole list and shows all of it.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/feed/wal"
	"tasksync/internal/database"
	"tasksync/queries"
	"tasksync/task"
)

// A Level is how good a finding is.
type Level string

// The levels.
const (
	Good    Level = "ok"
	Warning Level = "warn" // it works, but not as well as it could
	Bad     Level = "FAIL" // the daemon cannot do its work
)

// A Finding is what a check says about one thing.
type Finding struct {
	Level Level
	Check string // the name of the check, which stays the same
	What  string
	Next  string // what to do; "" if there is nothing to do
	SQL   string // the statements that do it, if SQL can
	Err   error  // the same as an error, if a caller may want to tell its kind
}

// String returns the finding in one line, without its SQL.
func (f Finding) String() string { return fmt.Sprintf("%-4s %s", f.Level, f.text()) }

func (f Finding) text() string {
	if f.Next == "" {
		return f.What
	}
	return f.What + ": " + f.Next
}

// shortSQL is the length of SQL that still reads well in a line of a log.
const shortSQL = 300

// Line returns the finding without its level in one line: with its SQL if that is
// short, else with the command that prints it.
func (f Finding) Line() string {
	return joined(": ", f.What, f.NextLine())
}

// NextLine returns what to do in one line, with the SQL as in Line.
func (f Finding) NextLine() string {
	sql := strings.Join(strings.Fields(f.SQL), " ")
	if len(sql) > shortSQL {
		sql = "`tasksync doctor` prints the SQL"
	}
	return joined(": ", f.Next, sql)
}

// joined joins the texts that are not empty.
func joined(sep string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(t string) bool { return t == "" }), sep)
}

// Config is what the checks need to know of a daemon.
type Config struct {
	// Pool is a pool of connections to DatabaseURL. Examine makes one if it is nil.
	Pool                   *pgxpool.Pool
	DatabaseURL, ListenURL string
	Feed                   string
	SlotLimit              int64 // in bytes; 0: the default of package feed/wal
	Timeout                time.Duration
	Handlers               task.Handlers
	Providers              task.ProviderWords
	Limits                 []Limit // of the providers
	Words                  task.StatusWords
	Accounts               func() ([]Account, error) // makes the accounts to ask; nil: none is asked
	Users                  bool                      // the HTTP API serves users
	UpdateClips            bool                      // the application inserts all clips
	NoRLS                  bool                      // tables are to be open
	Notify                 bool                      // servers are told of ends
	Settle                 string                    // the function that rows are settled by; "": none
	// Overdue is the query for the rows that the daemon follows and that are past
	// their deadline.
	Overdue queries.MemoryOverdueStatsParams
}

func (c Config) word(s task.Status) string { return c.Words.Write(s) }

// Limit is how many calls a provider permits in a window.
type Limit struct {
	Provider   string
	Requests   int // 0: there is no limit
	Window     time.Duration
	Credential string // as the daemons share it; "": they do not
}

// Examine goes through the whole list and passes the findings to tell, one by one. It
// skips what depends on a thing that is missing, and returns an error only when ctx
// ends.
func Examine(ctx context.Context, cfg Config, tell func(Finding)) error {
	d := newDoctor(cfg, tell)
	if d.pool == nil {
		pool, err := database.Connect(ctx, cfg.DatabaseURL)
		if err != nil {
			d.check = "server"
			d.trouble("database", err)
			return ctx.Err()
		}
		defer pool.Close()
		d.pool = pool
	}
	for _, w := range []when{form, before, schema, after, beside, command} {
		if goOn := d.run(ctx, w); !goOn && w != form {
			break
		}
	}
	return ctx.Err()
}

// Before examines a database that may have no schema yet. Its error has every bad
// finding.
func Before(ctx context.Context, cfg Config, tell func(Finding)) error {
	return refuse(ctx, cfg, tell, form, before)
}

// Form examines whether the migrations can be applied to a database, whichever role and
// settings its daemons have.
func Form(ctx context.Context, cfg Config) error {
	return refuse(ctx, cfg, func(Finding) {}, form)
}

// After examines a database that has its schema, before a daemon begins. Its error
// has every bad finding.
func After(ctx context.Context, cfg Config, tell func(Finding)) error {
	return refuse(ctx, cfg, tell, after)
}

// Beside examines what a daemon can live with.
func Beside(ctx context.Context, cfg Config, tell func(Finding)) {
	newDoctor(cfg, tell).run(ctx, beside)
}

// refuse runs the checks of stages, passes to tell what is not bad, and returns what is.
func refuse(ctx context.Context, cfg Config, tell func(Finding), stages ...when) error {
	var bad []error
	d := newDoctor(cfg, func(f Finding) {
		switch {
		case f.Level != Bad:
			tell(f)
		default:
			bad = append(bad, cmp.Or(f.Err, errors.New(f.Line())))
		}
	})
	for _, w := range stages {
		d.run(ctx, w)
	}
	return errors.Join(bad...)
}

// doctor is one examination.
type doctor struct {
	cfg     Config
	queries *queries.Queries
	pool    *pgxpool.Pool
	pending int64            // rows
	pooled  bool             // DATABASE_URL leads to a pooler in transaction mode
	session *pgx.ConnConfig  // on which LISTEN works; nil: there is none
	role    string           // quoted for SQL
	tables  map[string]table // the application's; nil: not read yet
	bad     bool             // something was
	down    bool             // the database does not answer
	check   string           // that is being made
	tell    func(Finding)
}

func newDoctor(cfg Config, tell func(Finding)) *doctor {
	cfg.SlotLimit = cmp.Or(cfg.SlotLimit, wal.DefaultSlotLimit)
	return &doctor{cfg: cfg, queries: queries.New(), pool: cfg.Pool, tell: tell}
}

func (d *doctor) say(l Level, what, next string, args ...any) {
	d.find(Finding{Level: l, What: what, Next: fmt.Sprintf(next, args...)})
}

func (d *doctor) find(f Finding) {
	d.bad = d.bad || f.Level == Bad
	f.Check = d.check
	d.tell(f)
}

// trouble says that a check could not be made. One that was interrupted says nothing: the
// daemon or the command ends.
func (d *doctor) trouble(what string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	d.say(Bad, what+": "+database.Reason(err), "")
}

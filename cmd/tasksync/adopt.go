package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"tasksync/daemon"
	"tasksync/internal/adopt"
	"tasksync/task"
)

// adoptCmd is `tasksync adopt`.
type adoptCmd struct {
	databaseFlags
	Table      string            `placeholder:"NAME" help:"The application's table, like songs or app.songs."`
	Column     map[string]string `placeholder:"OURS=THEIRS" help:"Which column is which, like task_id=suno_id or audio_url_2=second_url; an empty one is none."`
	Word       map[string]string `placeholder:"OURS=THEIRS" help:"The application's words for a status, like complete=completed,done: the first is written, all are read."`
	Type       string            `placeholder:"TYPE" help:"The task type of all rows, if no column has it (generate)."`
	TypeWord   map[string]string `placeholder:"OURS=THEIRS" help:"The application's words for a task type, like generate=song,cover, where a column has them."`
	TimeZone   string            `placeholder:"ZONE" help:"The zone of times without one, like UTC."`
	ClipsTable string            `placeholder:"NAME" help:"A table that has a row for each clip."`
	ClipWord   map[string]string `placeholder:"OURS=THEIRS" help:"The words for a status in the table of the clips, like --word."`
	ClipsJSON  string            `name:"clips-json" placeholder:"COLUMN" help:"A json column that has all clips."`
	File       string            `placeholder:"FILE" help:"Take all decisions from this file, which --write has written."`
	Write      string            `placeholder:"FILE" help:"Write the decisions into this file, like tasksync.yaml, and do nothing else."`
	DryRun     bool              `help:"Print the SQL as a migration for goose on standard output, the decisions on standard error, and change nothing."`
	Remove     bool              `help:"Take the views, and the triggers and indexes on the table, away again; stop tasksync run before."`
}

// Help implements kong's detailed help.
func (c *adoptCmd) Help() string {
	return `Lets tasksync work on a table of your own, like songs, in place of
music_generations and music_clips: they become views over it. tasksync adopt
finds by the catalog which column is which, shows each decision with its
reason, and asks for what is not clear; nothing of the table changes but
triggers and indexes named tasksync_….

  tasksync adopt --table songs --dry-run >adopt.sql    decisions, and the SQL
  tasksync adopt --table songs                         does it, and tries it
  tasksync adopt --table songs --write tasksync.yaml
  tasksync adopt --file tasksync.yaml                  the same in CI
  tasksync adopt --remove

Then start tasksync run as usual.`
}

// Run implements kong's command.
func (c *adoptCmd) Run(ctx context.Context, std *streams) error {
	if err := c.require(); err != nil {
		return err
	}
	if !c.Remove && (c.Table == "") == (c.File == "") {
		return usageError{errors.New("name the table by --table, or give a file by --file")}
	}
	pool, err := daemon.OpenPool(ctx, c.DatabaseURL)
	if err != nil {
		return asUsage(err)
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if c.Remove {
		return c.remove(ctx, conn.Conn(), std)
	}
	plan, cat, err := c.plan(ctx, conn.Conn(), std)
	if err != nil {
		return err
	}
	if c.Write != "" {
		return writePlan(c.Write, plan, std)
	}
	m, err := adopt.Render(plan, cat)
	switch {
	case err != nil:
		return err
	case c.DryRun:
		text, err := m.Goose()
		fmt.Fprint(std.out, text)
		if isTerminal(std.out) {
			fmt.Fprintln(std.err, "tasksync: the decisions stand above the SQL; >FILE takes the SQL away from them")
		}
		return err
	default:
		return c.apply(ctx, conn.Conn(), std, adoption{m, plan, cat})
	}
}

// plan returns the plan of the file or of the flags and the catalog, checked.
func (c *adoptCmd) plan(ctx context.Context, conn *pgx.Conn, std *streams) (plan adopt.Plan, cat *adopt.Catalog, err error) {
	if c.File == "" {
		return c.propose(ctx, conn, std)
	}
	f, err := os.Open(c.File)
	if err != nil {
		return plan, nil, usageError{err}
	}
	defer f.Close()
	if plan, err = adopt.ReadPlan(f); err != nil {
		return plan, nil, usageError{fmt.Errorf("%s: %w", c.File, err)}
	}
	clips := ""
	if plan.ClipsTable != nil {
		clips = plan.ClipsTable.Table
	}
	if cat, err = adopt.ReadCatalog(ctx, conn, plan.Table, clips); err != nil {
		return plan, nil, err
	}
	if err := plan.Check(cat); err != nil {
		return plan, nil, fmt.Errorf("%s does not fit the database:\n%w", c.File, err)
	}
	return plan, cat, nil
}

func (c *adoptCmd) propose(ctx context.Context, conn *pgx.Conn, std *streams) (plan adopt.Plan, cat *adopt.Catalog, err error) {
	if cat, err = adopt.ReadCatalog(ctx, conn, c.Table, c.ClipsTable); err != nil {
		return plan, nil, err
	}
	p := adopt.Propose(cat, adopt.Given{
		Columns: c.Column, Words: lists(c.Word), ClipWords: lists(c.ClipWord), Type: c.Type, TypeWords: lists(c.TypeWord), TimeZone: c.TimeZone, ClipsJSON: c.ClipsJSON, Types: taskTypes(),
	})
	showDecisions(std.err, p.Decisions)
	if len(p.Questions) > 0 {
		return plan, nil, usageError{fmt.Errorf("not clear, and not guessed:\n  - %s", strings.Join(p.Questions, "\n  - "))}
	}
	return p.Plan, cat, p.Plan.Check(cat)
}

// showDecisions prints a line for each decision; on a terminal the reason stands below
// where 80 columns have no room for it.
func showDecisions(out io.Writer, decisions []adopt.Decision) {
	const format, columns = "%-19s %-22s ", 80
	for _, d := range decisions {
		begin := fmt.Sprintf(format, d.What, d.Is)
		if isTerminal(out) && utf8.RuneCountInString(begin+d.Why) > columns {
			begin += "\n    "
		}
		fmt.Fprintln(out, begin+d.Why)
	}
}

// lists splits each value at its commas.
func lists(given map[string]string) map[string][]string {
	out := map[string][]string{}
	for name, words := range given {
		out[name] = strings.FieldsFunc(words, func(r rune) bool { return r == ',' })
	}
	return out
}

func taskTypes() []string {
	var out []string
	for t := range maps.Keys(task.DefaultHandlers()) {
		out = append(out, string(t))
	}
	return slices.Sorted(slices.Values(out))
}

func writePlan(file string, plan adopt.Plan, std *streams) error {
	text, err := plan.YAML()
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // it holds no secret
		return err
	}
	fmt.Fprintf(std.out, "wrote %s; tasksync adopt --file %s does what it says\n", file, file)
	return nil
}

// adoption is what is to be done, and why.
type adoption struct {
	migration adopt.Migration
	plan      adopt.Plan
	cat       *adopt.Catalog
}

func (c *adoptCmd) apply(ctx context.Context, conn *pgx.Conn, std *streams, a adoption) error {
	tell := func(text string) { fmt.Fprintln(std.err, "tasksync:", text) }
	if err := adopt.Apply(ctx, conn, a.migration, tell); err != nil {
		return fmt.Errorf("adopt %s: %w", a.cat.Table, err)
	}
	note, err := adopt.Trial(ctx, conn, a.plan, a.cat)
	if err != nil {
		return fmt.Errorf("%s is adopted, but a trial, which was rolled back, failed: %w; mend that and run it again, or take it away by `tasksync adopt --remove`", a.cat.Table, err)
	}
	fmt.Fprintf(std.out, "music_generations and music_clips are views over %s\n", a.cat.Table)
	if note != "" {
		fmt.Fprintln(std.out, note)
	}
	pending, err := adopt.Pending(ctx, conn)
	if err != nil {
		return err
	}
	if pending.Rows > 0 {
		fmt.Fprintf(std.out, "%d rows are pending, the oldest since %s; tasksync run asks for them all, the newest first\n", pending.Rows, pending.Since)
	}
	fmt.Fprintln(std.out, "next: tasksync run, which applies the migrations; then tasksync doctor")
	return nil
}

func (c *adoptCmd) remove(ctx context.Context, conn *pgx.Conn, std *streams) error {
	table, err := adopt.Remove(ctx, conn, func(text string) { fmt.Fprintln(std.err, "tasksync:", text) })
	switch {
	case err != nil:
		return err
	case table == "":
		fmt.Fprintln(std.out, "nothing is adopted")
	default:
		fmt.Fprintf(std.out, "%s is no longer adopted; clips without a place in it, if there are any, stay in tasksync.adopted_clips\n", table)
	}
	return nil
}

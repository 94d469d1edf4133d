package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/daemon"
	"tasksync/migrations"
)

// migrateCmd is `tasksync migrate up|down|status`.
type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply what is pending."`
	Down   migrateDownCmd   `cmd:"" help:"Take the newest migration back; the application's tables stay."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations."`
}

type (
	migrateUpCmd struct {
		databaseFlags
		rlsFlags
	}
	migrateDownCmd struct {
		databaseFlags
		All bool `help:"Take back all of them."`
		Yes bool `help:"Do not ask, whatever is lost and whichever daemon runs."`
	}
	migrateStatusCmd struct{ databaseFlags }
)

// Help implements kong's detailed help.
func (*migrateDownCmd) Help() string {
	return `Takes the newest migration back, or with --all each of them: the tables, triggers and
functions that tasksync has put beside yours. music_generations and music_clips stay,
with all columns and rows. While a daemon runs, it refuses. If rows of tasksync's own
tables would be lost, it says how many, and asks first; without a terminal it refuses.`
}

// Run implements kong's command.
func (c *migrateUpCmd) Run(ctx context.Context, std *streams) error {
	return c.withMigrator(ctx, c.migrations(std), func(pool *pgxpool.Pool, m *migrations.Migrator) error {
		if err := daemon.CheckDatabase(ctx, pool); err != nil {
			return err
		}
		applied, err := m.Up(ctx)
		printMigrations(std, "applied", applied)
		return daemon.ExplainRights(ctx, pool, err)
	})
}

// Run implements kong's command.
func (c *migrateDownCmd) Run(ctx context.Context, std *streams) error {
	return c.withMigrator(ctx, rlsFlags{}.migrations(std), func(pool *pgxpool.Pool, m *migrations.Migrator) error {
		if err := c.permit(ctx, pool, m, std); err != nil {
			return err
		}
		down := m.Down
		if c.All {
			down = func(ctx context.Context) ([]migrations.Applied, error) { return m.DownTo(ctx, 0) }
		}
		applied, err := down(ctx)
		printMigrations(std, "took back", applied)
		return err
	})
}

// permit says what the way down loses and which daemons run, and returns an error unless
// nothing speaks against it or the user has agreed.
func (c *migrateDownCmd) permit(ctx context.Context, pool *pgxpool.Pool, m *migrations.Migrator, std *streams) error {
	running, err := daemon.Running(ctx, pool)
	if err != nil {
		return err
	}
	losses, err := m.Losses(ctx, c.All)
	if err != nil {
		return err
	}
	for _, name := range running {
		fmt.Fprintln(std.err, "tasksync: daemon", name, "works on this database")
	}
	for _, l := range losses {
		what := ""
		if l.What != "" {
			what = ": " + l.What
		}
		fmt.Fprintf(std.err, "tasksync: this deletes %d rows of %s%s\n", l.Rows, l.Table, what)
	}
	switch {
	case c.Yes:
		return nil
	case len(running) > 0:
		return usageError{errors.New("nothing was taken back: stop the daemons first, which would fail without their tables, or say --yes")}
	case len(losses) == 0:
		return nil
	case !isTerminal(os.Stdin) || !isTerminal(std.err):
		return usageError{errors.New("nothing was taken back: what stands above would be lost; if that is what you want, say --yes")}
	case !confirm(os.Stdin, std.err, "tasksync: take back, and lose these rows? [y/N] "):
		return errors.New("nothing was taken back")
	}
	return nil
}

// confirm asks a question; anything but y or yes is a no.
func confirm(in io.Reader, out io.Writer, question string) bool {
	fmt.Fprint(out, question)
	line, _ := bufio.NewReader(in).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// Run implements kong's command.
func (c *migrateStatusCmd) Run(ctx context.Context, std *streams) error {
	return c.withMigrator(ctx, rlsFlags{}.migrations(std), func(pool *pgxpool.Pool, m *migrations.Migrator) error {
		all, err := m.Status(ctx)
		err = daemon.ExplainRights(ctx, pool, err)
		for _, a := range all {
			state := "applied"
			if a.Pending {
				state = "pending"
			}
			fmt.Fprintf(std.out, "%-8s %s\n", state, a.Source)
		}
		return err
	})
}

// rlsFlags say what tables that are created are like.
type rlsFlags struct {
	NoRLS bool `name:"no-rls" env:"TASKSYNC_NO_RLS" help:"On Supabase, leave tables that are created without row security: everybody with the anon key reads them."`
}

// migrations is how to migrate.
func (f rlsFlags) migrations(std *streams) migrations.Config {
	return migrations.Config{NoRLS: f.NoRLS, Warn: func(text string) { fmt.Fprintln(std.err, "migration:", text) }}
}

func (f databaseFlags) withMigrator(ctx context.Context, cfg migrations.Config, do func(*pgxpool.Pool, *migrations.Migrator) error) error {
	return f.withPool(ctx, func(pool *pgxpool.Pool) error {
		m, err := migrations.OpenConfig(pool, cfg)
		if err != nil {
			return err
		}
		defer m.Close()
		return do(pool, m)
	})
}

func (f databaseFlags) withPool(ctx context.Context, do func(*pgxpool.Pool) error) error {
	if err := f.require(); err != nil {
		return err
	}
	pool, err := daemon.OpenPool(ctx, f.DatabaseURL)
	if err != nil {
		return asUsage(err)
	}
	defer pool.Close()
	return do(pool)
}

func printMigrations(std *streams, verb string, applied []migrations.Applied) {
	for _, a := range applied {
		fmt.Fprintln(std.out, verb, a.Source)
	}
	if len(applied) == 0 {
		fmt.Fprintln(std.out, "nothing to do")
	}
}

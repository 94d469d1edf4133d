package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"tasksync/daemon"
)

// pauseCmd is `tasksync pause`.
type pauseCmd struct {
	databaseFlags
	logFlags
	List     bool   `help:"Only list the pauses that stand."`
	Reason   string `placeholder:"TEXT" help:"Why: it is shown wherever the pause is."`
	Provider string `arg:"" optional:"" help:"Name of the provider, as in TASKSYNC_PROVIDERS; without one, all of them."`
}

// Help implements kong's detailed help.
func (c *pauseCmd) Help() string {
	return `Has all daemons of the database make no calls to a provider, or to any, until
tasksync resume. They see it within two seconds, and a restart does not end it.
Rows stay pending: none fails for its deadline, and the grace of overdue rows
stands still. Daemons stay ready; /readyz, metric tasksync_paused, tasksync doctor
and tasksync explain say that calls pause.`
}

// Run implements kong's command.
func (c *pauseCmd) Run(ctx context.Context, std *streams) error {
	if err := c.require(); err != nil {
		return err
	}
	cfg := daemon.Config{DatabaseURL: c.DatabaseURL, Version: version(), Logger: c.logger(std)}
	if c.List {
		return listPauses(ctx, std, cfg)
	}
	if err := checkProvider(std, c.Provider); err != nil {
		return err
	}
	if err := daemon.Pause(ctx, cfg, c.Provider, c.Reason); err != nil {
		return asUsage(err)
	}
	fmt.Fprintf(std.out, "calls to %s pause within two seconds; tasksync resume %sends that\n", whom(c.Provider), spaced(c.Provider))
	return nil
}

// resumeCmd is `tasksync resume`.
type resumeCmd struct {
	databaseFlags
	logFlags
	Provider string `arg:"" optional:"" help:"Name of the provider; without one, all pauses end."`
}

// Help implements kong's detailed help.
func (c *resumeCmd) Help() string {
	return `Ends what tasksync pause has begun. Daemons see it within two seconds, and look at
rows again within a quarter of a minute; at overdue rows, when they are due.`
}

// Run implements kong's command.
func (c *resumeCmd) Run(ctx context.Context, std *streams) error {
	if err := c.require(); err != nil {
		return err
	}
	cfg := daemon.Config{DatabaseURL: c.DatabaseURL, Version: version(), Logger: c.logger(std)}
	ended, err := daemon.Resume(ctx, cfg, c.Provider)
	if err != nil {
		return asUsage(err)
	}
	left, err := daemon.Pauses(ctx, cfg)
	switch {
	case err != nil:
		return asUsage(err)
	case slices.ContainsFunc(left, func(p daemon.Paused) bool { return p.Provider == "" }):
		return errors.New("all providers are paused; tasksync resume without a name ends that")
	case ended == 0:
		fmt.Fprintf(std.out, "%s was not paused\n", whom(c.Provider))
	default:
		fmt.Fprintf(std.out, "calls to %s go on within two seconds\n", whom(c.Provider))
	}
	return nil
}

var providerArgument = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// checkProvider refuses what is no name. A name that is not built in may belong to a
// program that embeds tasksync, or be misspelt.
func checkProvider(std *streams, name string) error {
	switch {
	case name == "":
	case !providerArgument.MatchString(name):
		return usageError{fmt.Errorf("%q is no name of a provider; the built-in ones are %s", name, strings.Join(providerNames(), ", "))}
	case !slices.ContainsFunc(providerNames(), func(n string) bool { return strings.EqualFold(n, name) }):
		fmt.Fprintf(std.err, "tasksync: %s is not one of the built-in providers (%s); the pause holds for a provider of that name\n", name, strings.Join(providerNames(), ", "))
	}
	return nil
}

func listPauses(ctx context.Context, std *streams, cfg daemon.Config) error {
	pauses, err := daemon.Pauses(ctx, cfg)
	if err != nil {
		return asUsage(err)
	}
	if len(pauses) == 0 {
		fmt.Fprintln(std.out, "no provider is paused")
	}
	for _, p := range pauses {
		fmt.Fprintf(std.out, "%s since %s %s\n", whom(p.Provider), p.At.UTC().Format(time.RFC3339), oneLine(p.Reason))
	}
	return nil
}

func whom(provider string) string { return cmp.Or(provider, "all providers") }

func spaced(provider string) string {
	if provider == "" {
		return ""
	}
	return provider + " "
}

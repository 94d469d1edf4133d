package main

import (
	"context"
	"fmt"
	"os"

	"tasksync/internal/demo"
)

// demoCmd is `tasksync demo`.
type demoCmd struct {
	Provider string `default:"${default_provider}" enum:"${provider_names}" help:"The provider whose API is simulated: ${enum}."`
	Seed     uint64 `placeholder:"N" help:"Seed of the simulated provider (default: random, and printed)."`
	Keep     bool   `help:"Leave everything running afterwards, to explore, until Ctrl-C, and print the link of a page that shows the rows live."`
	JSON     bool   `name:"json" help:"Print rows and totals as JSON; progress goes to standard error only."`
	Verbose  bool   `short:"v" help:"Show the daemon's log instead of progress bars."`
}

// Help implements kong's detailed help.
func (demoCmd) Help() string {
	return fmt.Sprintf(`Starts a private Postgres, a simulated provider and the daemon, inserts some
%d rows as an application would, shows how they come to their ends, and compares
each with what the provider knows of its task. Nothing but loopback is used, and
nothing is left behind. (A machine without Postgres downloads one first. The CDN
probe is off, so that the result does not depend on the internet.)

Exit status: 0 if every row ended as scripted, 1 if not, 130 if interrupted.`, demo.Rows())
}

// Run implements kong's command.
func (c *demoCmd) Run(ctx context.Context, std *streams) error {
	cfg := demo.Config{
		Provider: named(c.Provider), Seed: c.Seed, Keep: c.Keep, JSON: c.JSON, Version: version(), Out: std.out, Err: std.err,
		Bars: !c.Verbose && isTerminal(std.err) && os.Getenv("TERM") != "dumb",
	}
	cfg.Colour = cfg.Bars && coloured(std.out)
	if c.Verbose {
		cfg.Logger = logFlags{LogFormat: "text", LogLevel: "info"}.logger(std)
	}
	ok, err := demo.Run(ctx, cfg)
	if err == nil && !ok {
		return errQuiet // the demo has printed why
	}
	return err
}

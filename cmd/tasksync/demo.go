package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/internal/simulator"
)

// demoCmd is `tasksync demo`: every part for real on this machine, from the
// INSERT of an application to the row that is complete, in half a minute.
type demoCmd struct {
	Provider string `default:"${default_provider}" enum:"${provider_names}" help:"The upstream API that is simulated: ${enum}."`
	Seed     uint64 `placeholder:"N" help:"Seed of the simulated upstream (default: random, and printed)."`
	Keep     bool   `help:"Leave everything running afterwards, to explore, until Ctrl-C, and print the link of a page that shows the rows live."`
	JSON     bool   `name:"json" help:"Print rows and totals as JSON; progress goes to standard error only."`
	Verbose  bool   `short:"v" help:"Show the daemon's log instead of progress bars."`
}

// The demo runs faster than life: the tasks, and with them the schedule of looks
// and the deadline, which stands for 4 minutes. A task that ends by itself has
// done so by then, whatever is drawn: the longest takes 3.5 minutes.
const (
	demoSpeed   = 12
	demoTimeout = 4 * time.Minute / demoSpeed
	// demoPatience is how long past its deadline a row may take to end. After it
	// the demo has failed.
	demoPatience = 20 * time.Second
)

// Help implements kong's detailed help.
func (demoCmd) Help() string {
	return fmt.Sprintf(`Starts a private Postgres, a simulated upstream API and the daemon, inserts some
%d rows as an application would, shows how they come to their ends, and compares
each with what the upstream knows of its task. Nothing but loopback is used, and
nothing is left behind. (A machine without Postgres downloads one first. The CDN
probe is off, so that the result does not depend on the internet.)

Exit status: 0 if every row ended as scripted, 1 if not, 130 if interrupted.`, len(demoScript))
}

// Run implements kong's command.
func (c *demoCmd) Run(ctx context.Context, std *streams) error {
	stage := newDemoStage(std, c.Provider, c.Verbose)
	result, err := c.play(ctx, std, stage)
	interrupted := ctx.Err() != nil && result == nil // then err is only what broke by it
	if interrupted {
		err = fmt.Errorf("%w; everything is stopped, and nothing is left behind", errInterrupted)
	}
	err = errors.Join(err, stage.close())
	switch {
	case interrupted:
	case err != nil:
		stage.tellWarnings()
	case !result.OK:
		stage.tellWarnings()
		err = errQuiet // the report has told
	case c.Keep:
		fmt.Fprintln(std.err, "Everything is stopped, and nothing is left behind.")
	}
	return err
}

// play runs the demo and reports; what it started is the stage's to close. It
// returns no result if there is none to speak of.
func (c *demoCmd) play(ctx context.Context, std *streams, stage *demoStage) (*demoResult, error) {
	began := time.Now()
	seed := cmp.Or(c.Seed, 1+rand.Uint64N(999_999)) // short, to be typed again
	if err := stage.open(ctx, seed); err != nil {
		return nil, err
	}
	if c.Keep {
		stage.tell("page", "%s", stage.link)
	}
	app := &demoApp{db: stage.db, sim: stage.sim}
	if err := c.follow(ctx, std, stage, app); err != nil {
		return nil, stage.explain(ctx, err)
	}
	rows, err := app.results(ctx)
	if err != nil {
		return nil, err
	}
	result := newDemoResult(rows, stage.sim)
	result.Provider = c.Provider
	result.TookSeconds = time.Since(began).Seconds()
	if err := result.print(std, c.JSON); err != nil {
		return nil, fmt.Errorf("print the result: %w", err)
	}
	if c.Keep {
		fmt.Fprint(std.err, stage.guide())
		err = stage.wait(ctx)
	}
	return result, err
}

// follow inserts the rows and watches until all have ended.
func (c *demoCmd) follow(ctx context.Context, std *streams, stage *demoStage, app *demoApp) error {
	group, groupCtx := errgroup.WithContext(ctx)
	display := newDemoProgress(ctx, std, !c.Verbose && isTerminal(std.err) && os.Getenv("TERM") != "dumb")
	group.Go(func() error { return app.insertAll(groupCtx) })
	group.Go(func() error { return watchDemo(groupCtx, stage, app, display) })
	err := group.Wait()
	display.close()
	return err
}

// watchDemo shows how the rows stand until none is pending, or one of them is so
// late that it never will be anything else.
func watchDemo(ctx context.Context, stage *demoStage, app *demoApp, display demoProgress) error {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for {
		standing, err := app.standing(ctx)
		if err != nil {
			return err
		}
		display.show(standing)
		over := len(demoScript) == standing.inserted && standing.pending == 0
		if over || time.Since(began) > demoTimeout+demoPatience {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-stage.ended:
			return stage.why()
		}
	}
}

// statusRequests are the requests that asked how tasks stand: all, since the
// demo submits its tasks without a request.
func statusRequests(sim *simulator.Simulator) int64 { return sim.Requests().Total }

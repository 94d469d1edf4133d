// Package demo shows all of tasksync at work on this machine, in half a minute: a
// private Postgres, a simulated upstream and the daemon, from the INSERT of an
// application to the row that is complete. At the end it compares every row with
// what the upstream itself knows of the row's task.
package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/upstream"
)

// Config is what a demo is given.
type Config struct {
	// Provider is the upstream that is simulated, so one that the simulator has.
	// Required.
	Provider upstream.Provider
	// Seed of the simulated upstream. Default: random, and printed.
	Seed uint64
	// Keep leaves everything running afterwards, until ctx ends.
	Keep bool
	// JSON prints rows and totals as JSON.
	JSON bool
	// Bars shows the progress as bars on Err, which is a terminal. Default: as
	// lines.
	Bars bool
	// Colour colours what is written to Out and the bars on Err.
	Colour bool
	// Logger is the daemon's. Default: its warnings are printed if the demo fails.
	Logger *slog.Logger
	// Version is the program's.
	Version string
	// Out is given the result, Err everything else. Required.
	Out, Err io.Writer
}

// ErrInterrupted is returned by Run when ctx has ended before there was a result.
var ErrInterrupted = errors.New("interrupted")

// The demo runs faster than life: the tasks, and with them the schedule of looks
// and the deadline, which stands for 4 minutes. A task that ends by itself has
// done so by then, whatever is drawn: the longest takes 3.5 minutes.
const (
	speed   = 12
	timeout = 4 * time.Minute / speed
	// patience is how long past its deadline a row may take to end. After it the
	// demo has failed.
	patience = 20 * time.Second
)

// Rows is how many rows a demo inserts.
func Rows() int { return len(script) }

// Run runs a demo, prints its result and stops what it has started. ok reports
// whether every row ended as scripted.
func Run(ctx context.Context, cfg Config) (ok bool, err error) {
	s := newStage(cfg)
	r, err := play(ctx, s)
	interrupted := ctx.Err() != nil && r == nil // then err is only what broke by it
	if interrupted {
		err = fmt.Errorf("%w; everything is stopped, and nothing is left behind", ErrInterrupted)
	}
	err = errors.Join(err, s.close())
	ok = r != nil && r.OK
	switch {
	case interrupted:
	case err != nil, !ok:
		s.printWarnings()
	case cfg.Keep:
		fmt.Fprintln(cfg.Err, "Everything is stopped, and nothing is left behind.")
	default:
		fmt.Fprint(cfg.Err, next(os.Args[0]))
	}
	return ok, err
}

// play runs the demo and reports; the caller closes the stage. play returns no
// result when the demo did not get so far.
func play(ctx context.Context, s *stage) (*result, error) {
	began := time.Now()
	seed := cmp.Or(s.Seed, 1+rand.Uint64N(999_999)) // short, to be typed again
	if err := s.open(ctx, seed); err != nil {
		return nil, err
	}
	if s.Keep {
		s.print("page", "%s", s.link)
	}
	a := &app{db: s.db, sim: s.sim}
	if err := follow(ctx, s, a); err != nil {
		return nil, s.explain(ctx, err)
	}
	rows, err := a.results(ctx)
	if err != nil {
		return nil, err
	}
	r := newResult(rows, s.sim)
	r.Provider = s.Provider.Name
	r.TookSeconds = time.Since(began).Seconds()
	if err := r.print(s.Out, s.JSON, painter(s.Colour)); err != nil {
		return nil, fmt.Errorf("print the result: %w", err)
	}
	if s.Keep {
		fmt.Fprint(s.Err, s.guide())
		err = s.wait(ctx)
	}
	return r, err
}

// follow inserts the rows and watches until all have ended.
func follow(ctx context.Context, s *stage, a *app) error {
	group, groupCtx := errgroup.WithContext(ctx)
	display := newProgress(ctx, s.Err, s.Bars, painter(s.Colour))
	group.Go(func() error { return a.insertAll(groupCtx) })
	group.Go(func() error { return watch(groupCtx, s, a, display) })
	err := group.Wait()
	display.close()
	return err
}

// watch shows the counts of rows until no row is pending, or one of them is so
// late that it will stay pending.
func watch(ctx context.Context, s *stage, a *app, display progress) error {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for {
		now, err := a.count(ctx)
		if err != nil {
			return err
		}
		display.show(now)
		over := len(script) == now.inserted && now.pending == 0
		if over || time.Since(began) > timeout+patience {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ended:
			return s.why()
		}
	}
}

package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// stopTimeout is how long the runs have to end, all of them side by side.
	stopTimeout = 8 * time.Second
	// closeTimeout is how long the closing of all parts may take after that.
	closeTimeout = time.Second
)

// A part is a line of the daemon's list. Only open is required.
type part struct {
	name string
	// open makes the part ready for the parts after it. If it fails, it leaves
	// nothing behind.
	open func(ctx context.Context) error
	// run returns when its context has ended, or with the error for which the
	// daemon must stop.
	run func(ctx context.Context) error
	// close gives back what open has taken, and ends when its context ends.
	close func(ctx context.Context) error
}

// run opens the parts, runs them until ctx ends or one of them fails, and closes
// them. It returns the first error, joined by those of closing.
func (d *daemon) run(ctx context.Context, parts []part) error {
	d.watchSessions()
	group, ctx := errgroup.WithContext(ctx)
	var cancel context.CancelFunc
	d.grace, cancel = withGrace(ctx, stopTimeout)
	defer cancel()
	opened, failed := openParts(ctx, group, parts)
	if failed != nil && ctx.Err() != nil { // a stop is why the part could not be opened
		failed = context.Cause(ctx)
	}
	if failed != nil {
		group.Go(func() error { return failed }) // which ends ctx
	}
	err := d.await(ctx, group)
	return errors.Join(err, closeParts(opened))
}

// openParts opens the parts in order, lets each of them run, and returns those
// that are open.
func openParts(ctx context.Context, group *errgroup.Group, parts []part) ([]part, error) {
	for i, p := range parts {
		if err := p.open(ctx); err != nil {
			return parts[:i], err
		}
		if p.run != nil {
			group.Go(func() error { return p.run(ctx) })
		}
	}
	return parts, nil
}

// await waits until the runs have ended, at most until the end of grace, and
// returns the error for which ctx has ended.
func (d *daemon) await(ctx context.Context, group *errgroup.Group) error {
	ended := make(chan error, 1)
	go func() { ended <- group.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-d.grace.Done(): // the next daemon looks again at what has not been written
		d.cfg.Logger.Warn("[TaskSync] Stopped with work under way")
		return context.Cause(ctx)
	}
}

// closeParts closes the parts in reverse.
func closeParts(opened []part) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	for _, p := range slices.Backward(opened) {
		if p.close != nil {
			err = errors.Join(err, p.close(ctx))
		}
	}
	return err
}

// withGrace returns a context that ends d after ctx, or when it is cancelled.
func withGrace(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return longer, cancel
}

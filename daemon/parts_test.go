package daemon

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// diary notes what is done with parts.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// part notes its opening and its closing, and closes within slow.
func (d *diary) part(name string, slow time.Duration) part {
	return part{
		name: name,
		open: func(context.Context) error {
			d.note("open " + name)
			return nil
		},
		close: func(ctx context.Context) error {
			d.note("close " + name)
			select {
			case <-ctx.Done():
			case <-time.After(slow):
			}
			return nil
		},
	}
}

// running is a part that runs, and ends a while after its context.
func (d *diary) running(name string, slow time.Duration) part {
	p := d.part(name, 0)
	p.close = nil
	p.run = func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(slow)
		d.note("ended " + name)
		return nil
	}
	return p
}

func newTestDaemon() *daemon { return &daemon{cfg: Config{Logger: slog.New(slog.DiscardHandler)}} }

var errPart = errors.New("the part is broken")

func TestPartsCloseInReverse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := newTestDaemon().run(ctx, []part{d.part("a", 0), d.part("b", 0), d.running("c", 2*time.Second), d.running("d", time.Second)})
		require.NoError(t, err)
		require.Equal(t, []string{"open a", "open b", "open c", "open d", "ended d", "ended c", "close b", "close a"}, d.all())
	})
}

// TestPartFailsToOpen: the parts before it end and are closed, those after it are
// never opened.
func TestPartFailsToOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		broken := part{name: "broken", open: func(context.Context) error { return errPart }}
		err := newTestDaemon().run(t.Context(), []part{d.part("a", 0), d.running("b", 0), broken, d.part("c", 0)})
		require.ErrorIs(t, err, errPart)
		require.Equal(t, []string{"open a", "open b", "ended b", "close a"}, d.all())
	})
}

// TestPartFailsWhileAnotherOpens: the opening ends, and the error is the failure.
func TestPartFailsWhileAnotherOpens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		broken := d.running("broken", 0)
		broken.run = func(context.Context) error {
			time.Sleep(time.Second)
			return errPart
		}
		waiting := part{name: "waiting", open: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		err := newTestDaemon().run(t.Context(), []part{d.part("a", 0), broken, waiting})
		require.ErrorIs(t, err, errPart)
		require.NotErrorIs(t, err, context.Canceled)
		require.Equal(t, []string{"open a", "open broken", "close a"}, d.all())
	})
}

// TestPartsThatHang: a stop is over within 10 s, whether it was asked for or a part
// has failed.
func TestPartsThatHang(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"asked for": nil, "failed": errPart} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := &diary{}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				broken := d.running("broken", 0)
				broken.run = func(context.Context) error {
					time.Sleep(time.Minute)
					cancel()
					return failure
				}
				if failure != nil {
					ctx = t.Context()
				}
				began := time.Now()
				daemon := newTestDaemon()
				err := daemon.run(ctx, []part{d.part("a", time.Hour), d.part("b", time.Hour), d.running("c", time.Hour), broken})
				require.Equal(t, time.Minute+9*time.Second, time.Since(began))
				require.Equal(t, []string{"open a", "open b", "open c", "open broken", "close b", "close a"}, d.all())
				if failure == nil {
					require.ErrorIs(t, err, context.Canceled) // which Run makes nil
				} else {
					require.ErrorIs(t, err, failure)
				}
				time.Sleep(2 * time.Hour) // c ends
			})
		})
	}
}

// TestErrorsOfClosing are joined to the first error.
func TestErrorsOfClosing(t *testing.T) {
	t.Parallel()
	errClose := errors.New("the part does not close")
	p := part{open: func(context.Context) error { return nil }, close: func(context.Context) error { return errClose }}
	err := newTestDaemon().run(t.Context(), []part{p, {open: func(context.Context) error { return errPart }}})
	require.ErrorIs(t, err, errPart)
	require.ErrorIs(t, err, errClose)
}

// TestNamesOfParts: each of them has its own, and can be opened.
func TestNamesOfParts(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range newTestDaemon().parts() {
		require.NotNil(t, p.open, p.name)
		require.False(t, p.run != nil && p.close != nil && p.name != "HTTP server" && p.name != "admin server", "%s: see the package comment", p.name)
		names = append(names, p.name)
	}
	require.Equal(t, []string{"metrics", "admin server", "HTTP server", "database", "sessions", "schema", "settlements", "syncer", "API", "jobs", "requests", "console", "feed"}, names)
}

// A stop that was asked for is no error, whatever its cause, also when a part hangs.
func TestAStopForAnyCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rollout := errors.New("rollout")
		timed, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		caused, end := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { end(rollout) })
		for _, ctx := range []context.Context{timed, caused} {
			d := &diary{}
			err := newTestDaemon().run(ctx, []part{d.running("hangs", time.Hour)})
			require.NoError(t, unlessAsked(ctx, err))
			require.ErrorIs(t, unlessAsked(ctx, errPart), errPart)
			require.ErrorIs(t, unlessAsked(t.Context(), err), err)
		}
		time.Sleep(2 * time.Hour)
	})
}

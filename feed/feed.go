package feed

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/internal/database"
	"tasksync/internal/wait"
)

// A Feed hears of new rows for one daemon. New makes it, Run runs it.
type Feed struct {
	base
	wal     *walFeed
	adviser *adviser
	holder  string // this feed's name on the lease
}

// New makes a Feed that does not run yet. It registers the metrics.
func New(cfg Config) (*Feed, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	f := &Feed{base: newBase(cfg), adviser: &adviser{cfg: cfg}, holder: cryptorand.Text()}
	var err error
	f.wal, err = newWALFeed(f.base)
	return f, err
}

// Run hears of rows and hands them on until ctx ends, and then returns nil. It
// reports every failure to Config.State, and tries again.
func (f *Feed) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.collector.run(ctx) })
	group.Go(func() error { return f.wal.guard(ctx) })
	group.Go(func() error {
		f.serve(ctx)
		return nil
	})
	return group.Wait()
}

// Mode returns how new rows are heard of now: notify, wal or poll; "": they are not, by
// this daemon.
func (f *Feed) Mode() string { return f.metrics.now.Load().(string) }

// serve hears of rows in the configured mode, or in the best mode that works, until
// ctx ends.
func (f *Feed) serve(ctx context.Context) {
	if f.cfg.Mode == Poll {
		f.adviser.suggestTriggersOff(ctx)
		f.poll(ctx)
		return
	}
	backoff := wait.Backoff{Least: minBackoff, Most: maxBackoff}
	for ctx.Err() == nil {
		began := time.Now()
		err := f.runSession(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > maxBackoff {
			backoff.Reset() // the session had worked for a while
		}
		f.standIn(ctx, err, backoff.Next())
	}
}

// standIn passes the time until a session is tried again. It polls meanwhile,
// except in mode notify, which asks for LISTEN and nothing else.
func (f *Feed) standIn(ctx context.Context, err error, pause time.Duration) {
	pause = pause/2 + rand.N(pause/2+1) //nolint:gosec // jitter
	deaf := errors.Is(err, database.ErrNoListen) || errors.Is(err, errTriggersOff) || errors.Is(err, errTwoPhase) || errors.Is(err, ErrNoTriggers)
	if deaf {
		pause = f.cfg.RetryAfter
	}
	f.state.down("feed is down: " + database.Reason(err))
	if f.cfg.Mode == Notify {
		f.cfg.Logger.WarnContext(ctx, "[TaskSync] Feed is down; trying again", "error", err, "retry_in", pause.String())
		_ = wait.For(ctx, pause)
		return
	}
	if deaf {
		f.adviser.explainPolling(ctx, err, pause)
	} else {
		f.cfg.Logger.WarnContext(ctx, "[TaskSync] Feed is down; polling until it is back", "error", err, "retry_in", pause.String())
	}
	ctx, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	f.poll(ctx)
}

func (f *Feed) poll(ctx context.Context) { (&poller{base: f.base, holder: f.holder}).run(ctx) }

// runSession opens a session, verifies it, waits until it may lead, and leads.
func (f *Feed) runSession(ctx context.Context) error {
	s, err := openSession(ctx, f.cfg)
	if err != nil {
		return err
	}
	defer s.close()
	b := f.base
	if b.cfg.Mode, err = f.verify(ctx, s); err != nil {
		return err
	}
	if err := (election{b, s}).win(ctx); err != nil {
		return err
	}
	return f.lead(ctx, newLeader(b, s))
}

// verify makes sure that new rows would be heard of on the session, and returns the
// mode in which it is to lead. Mode wal needs no triggers, but it needs a session of its
// own for the locks, and LISTEN tells such a session from a pooler's.
func (f *Feed) verify(ctx context.Context, s *session) (mode string, err error) {
	verifyCtx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	if err := database.CheckListenOn(verifyCtx, s.conn, s.probed, f.cfg.Pool); err != nil {
		return "", err
	}
	if f.cfg.Mode == WAL {
		return WAL, nil
	}
	triggers, err := TriggersGet(verifyCtx, f.cfg.Pool)
	switch {
	case err != nil:
		return "", err
	case f.cfg.Mode == Auto && triggers.Quiet():
		return f.chooseQuietly(verifyCtx)
	case f.cfg.Mode == Auto && !triggers.Enabled:
		return "", errTriggersOff
	case !triggers.Enabled:
		f.cfg.Logger.WarnContext(ctx, "[TaskSync] The triggers are off, so nothing is announced; run `tasksync feed trigger on`, or set TASKSYNC_FEED=poll")
	case triggers.TwoPhase > 0:
		f.cfg.Logger.WarnContext(ctx, "[TaskSync] The server permits two-phase commits, which do not go with announcing new rows; set TASKSYNC_FEED=auto", "triggers", triggers.String())
	}
	return f.cfg.Mode, nil
}

// chooseQuietly chooses for mode auto on a server where the triggers must not notify:
// the WAL if it can be read, and else it returns errTwoPhase, with the reason.
func (f *Feed) chooseQuietly(ctx context.Context) (mode string, err error) {
	if err = f.wal.reader.Check(ctx); err == nil {
		err = f.wal.reader.CheckRole(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", errTwoPhase, err)
	}
	f.adviser.explainWAL(ctx)
	return WAL, nil
}

// lead hears of rows on a session that has become the leader.
func (f *Feed) lead(ctx context.Context, l *leader) error {
	if l.cfg.Mode == WAL {
		return l.lead(ctx, l.receive, func(ctx context.Context, _ int) error {
			l.order(true)
			return f.wal.run(ctx, l.session.pid())
		})
	}
	n := newListener(l)
	return l.lead(ctx, n.receive, n.run)
}

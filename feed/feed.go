package feed

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/internal/database"
	"tasksync/queries"
)

// A Feed hears of new rows for one daemon. New makes it, Run runs it.
type Feed struct {
	cfg       Config
	queries   *queries.Queries
	collector *collector
	metrics   *metrics
	wal       *walFeed
	holder    string // our name on the lease

	mu     sync.Mutex
	reason string // what State was told last

	advised atomic.Bool // of what would be better than polling
}

// New makes a Feed that does not run yet. It registers the metrics.
func New(cfg Config) (*Feed, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	f := &Feed{
		cfg: cfg, queries: queries.New(), collector: newCollector(cfg.To, cfg.Logger),
		metrics: newMetrics(cfg.Registerer), holder: cryptorand.Text(), reason: "starting",
	}
	var err error
	f.wal, err = newWALFeed(f)
	return f, err
}

// Run hears of rows and hands them on until ctx ends, and then returns nil.
// Whatever goes wrong meanwhile it tells State, and tries again.
func (f *Feed) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.collector.run(ctx) })
	group.Go(func() error { return f.wal.guard(ctx) })
	group.Go(func() error {
		f.hear(ctx)
		return nil
	})
	return group.Wait()
}

const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
)

// hear keeps a feed of the mode that is wanted, or of the best that works.
func (f *Feed) hear(ctx context.Context) {
	if f.cfg.Mode == Poll {
		f.advisePoll(ctx)
		f.poll(ctx)
		return
	}
	wait := minBackoff
	for ctx.Err() == nil {
		began := time.Now()
		err := f.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > maxBackoff {
			wait = minBackoff // it had worked for a while
		}
		f.standIn(ctx, err, wait)
		wait = min(2*wait, maxBackoff)
	}
}

// standIn passes the time until a session is tried again. A mode that promises
// more than LISTEN polls meanwhile.
func (f *Feed) standIn(ctx context.Context, err error, wait time.Duration) {
	wait = wait/2 + rand.N(wait/2+1) //nolint:gosec // jitter
	deaf := errors.Is(err, database.ErrNoListen) || errors.Is(err, errTriggersOff)
	if deaf {
		wait = f.cfg.RetryAfter
	}
	f.down(fmt.Sprintf("feed is down: %s", err))
	if f.cfg.Mode == Notify {
		f.cfg.Logger.WarnContext(ctx, "[TaskSync] Feed is down; trying again", "error", err, "retry_in", wait.String())
		_ = sleep(ctx, wait)
		return
	}
	if deaf {
		f.adviseDeaf(ctx, err, wait)
	} else {
		f.cfg.Logger.WarnContext(ctx, "[TaskSync] Feed is down; polling until it is back", "error", err, "retry_in", wait.String())
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	f.poll(ctx)
}

// session is the life of one connection: it is tested, follows, then leads.
func (f *Feed) session(ctx context.Context) error {
	s, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := f.test(ctx, s); err != nil {
		return err
	}
	if err := f.follow(ctx, s); err != nil {
		return err
	}
	return f.lead(ctx, s)
}

// test makes sure that a session would be told of rows.
func (f *Feed) test(ctx context.Context, s *session) error {
	testCtx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	if err := database.CheckListenOn(testCtx, s.conn, s.probed, f.cfg.Pool); err != nil {
		return err
	}
	if f.cfg.Mode == WAL {
		return nil
	}
	fire, err := TriggersOn(testCtx, f.cfg.Pool)
	switch {
	case err != nil:
		return err
	case !fire && f.cfg.Mode == Auto:
		return errTriggersOff
	case !fire:
		f.cfg.Logger.WarnContext(ctx, "[TaskSync] The triggers are off, so nothing is announced; run `tasksync feed trigger on`, or set TASKSYNC_FEED=poll")
	}
	return nil
}

// up tells that rows are heard of at once, by us or by another daemon.
func (f *Feed) up() { f.tell("") }

func (f *Feed) down(reason string) {
	f.metrics.mode("", "")
	f.tell(reason)
}

func (f *Feed) tell(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if reason == "" {
		f.metrics.up.Set(1)
	} else {
		f.metrics.up.Set(0)
	}
	if reason != "" || f.reason != "" {
		f.reason = reason
		f.cfg.State(reason)
	}
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

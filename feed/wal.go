package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/feed/wal"
	"tasksync/internal/database"
	"tasksync/internal/wait"
	"tasksync/queries"
)

// walFeed reads new rows from the WAL. While that fails it scans the table
// instead.
type walFeed struct {
	base
	reader *wal.Reader
	reads  atomic.Bool   // whether the reader reads: no scan is needed
	leader atomic.Uint32 // the server process of the session that leads

	evicted int // the server process of the last reader that evict ended; for the goroutine of reader.Run alone
}

func newWALFeed(b base) (*walFeed, error) {
	w := &walFeed{base: b}
	reader, err := wal.New(wal.Config{
		ConnConfig: b.cfg.Session, Pool: b.cfg.Pool, To: w, Ready: w.ready, Evict: w.evict, SlotLimit: b.cfg.SlotLimit,
		Logger: b.cfg.Logger, Registerer: b.cfg.Registerer,
	})
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	w.reader = reader
	return w, nil
}

// run reads the WAL, or the table while the WAL cannot be read. leader is the
// server process of the session that leads and that keeps the triggers quiet.
func (w *walFeed) run(ctx context.Context, leader uint32) error {
	w.leader.Store(leader)
	w.metrics.mode(Poll, stateReading) // from here on only the goroutine of the reader sets the mode
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return w.readWAL(ctx) })
	group.Go(func() error { return w.standIn(ctx) })
	return group.Wait()
}

// readWAL reads the WAL for as long as it can, and tries again when it cannot.
func (w *walFeed) readWAL(ctx context.Context) error {
	pause := minBackoff
	for {
		began := time.Now()
		err := w.reader.Run(ctx)
		w.reads.Store(false)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.metrics.mode(Poll, stateReading)
		if time.Since(began) > maxBackoff {
			pause = minBackoff
		}
		if errors.Is(err, wal.ErrUnavailable) || errors.Is(err, wal.ErrSlotDropped) {
			pause = w.cfg.RetryAfter
		}
		w.cfg.Logger.WarnContext(ctx, "[TaskSync] The WAL is not read; reading the table until it is", "error", err, "retry_in", pause.String())
		if err := wait.For(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, maxBackoff)
	}
}

// readsCheck is how soon scans stand in when the WAL is not read any more.
const readsCheck = 100 * time.Millisecond

// standIn scans the table while the WAL is not read.
func (w *walFeed) standIn(ctx context.Context) error {
	table, err := newTableReader(ctx, w.base, narrowOverlap)
	if err != nil {
		return err
	}
	w.state.up()
	for {
		pause := readsCheck
		if w.reads.Load() {
			table.skip()
		} else {
			began := time.Now()
			if _, err := table.scan(ctx); err != nil {
				return err
			}
			pause = pauseAfter(began)
		}
		if err := wait.For(ctx, pause); err != nil {
			return err
		}
	}
}

// ready sweeps the rows that were committed before the reader's first row.
func (w *walFeed) ready(ctx context.Context) error {
	swept, err := w.holdAndSweep(ctx)
	if err != nil {
		return err
	}
	w.reads.Store(true)
	w.metrics.mode(WAL, stateReading)
	w.cfg.Logger.InfoContext(ctx, "[TaskSync] New rows come from the WAL", "feed", WAL, "swept", swept)
	return nil
}

// HandOn implements wal.HandOn: it returns when the ids have their jobs. It leaves
// out the ids that were handed on a moment ago. It does not use the collector's
// queue, because the reader confirms what HandOn returns for.
func (w *walFeed) HandOn(ctx context.Context, ids []string) error {
	ids = w.collector.memory.unknown(ids)
	if len(ids) == 0 {
		return nil
	}
	if err := w.collector.try(ctx, ids); err != nil {
		return err
	}
	w.collector.memory.add(false, ids...)
	return nil
}

// evict ends a reader that was left behind by a leader whose session has ended,
// perhaps a leader in this process. The statement also checks that this session
// still leads: a leader that has lost its place, and does not
// know it yet, must not end the reader of the next leader.
func (w *walFeed) evict(ctx context.Context, pid int) error {
	ended, err := w.queries.FeedReaderTerminate(ctx, w.cfg.Pool, queries.FeedReaderTerminateParams{
		Leader: int32(w.leader.Load()), Reader: int32(pid), //nolint:gosec // both are numbers of processes
	})
	if err != nil {
		return fmt.Errorf("end the previous reader of the WAL: %w", err)
	}
	if ended && pid != w.evicted { // some readers end only after a second signal
		w.evicted = pid
		w.cfg.Logger.WarnContext(ctx, "[TaskSync] The previous feed's reader of the WAL does not end; ending it", "pid", pid)
		w.metrics.terminated.Inc()
	}
	return nil
}

// guard watches the replication slot, whichever daemon made it, until ctx ends.
func (w *walFeed) guard(ctx context.Context) error {
	for {
		if err := w.reader.Guard(ctx); err != nil && ctx.Err() == nil {
			level := slog.LevelDebug // other parts report an outage
			if database.Code(err) != "" {
				level = slog.LevelWarn
			}
			w.cfg.Logger.Log(ctx, level, "[TaskSync] The replication slot cannot be guarded", "error", err)
		}
		if wait.For(ctx, w.cfg.GuardEvery) != nil {
			return nil
		}
	}
}

package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"tasksync/feed/wal"
	"tasksync/internal/database"
	"tasksync/queries"
)

// walFeed is the reader of the log, and whether it reads. While it does not, the
// leader looks at the rows instead.
type walFeed struct {
	*Feed
	reader *wal.Reader
	reads  atomic.Bool
	leader atomic.Uint32 // the server's process of the session that leads

	evicted int // the last reader that was ended; of Run's goroutine alone
}

func newWALFeed(f *Feed) (*walFeed, error) {
	w := &walFeed{Feed: f}
	reader, err := wal.New(wal.Config{
		ConnConfig: f.cfg.Session, Pool: f.cfg.Pool, To: w, Ready: w.ready, Evict: w.evict, SlotLimit: f.cfg.SlotLimit,
		Logger: f.cfg.Logger, Registerer: f.cfg.Registerer,
	})
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	w.reader = reader
	return w, nil
}

// ready sweeps what was committed before the reader's first row.
func (w *walFeed) ready(ctx context.Context) error {
	w.collector.hold()
	swept, err := w.sweep(ctx)
	w.collector.release(swept)
	if err != nil {
		return err
	}
	w.reads.Store(true)
	w.metrics.mode(WAL, stateReading)
	w.cfg.Logger.InfoContext(ctx, "[TaskSync] New rows come from the WAL", "feed", WAL, "swept", len(swept))
	return nil
}

// HandOn implements wal.HandOn: it returns when the ids have their jobs. Those
// that have them already, by a look or a notification, are left out.
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

// evict ends a reader that is left of a leader whose session has ended, which may
// be our own. Our session still being the feed is for the server to find, at the
// moment of it: a leader that does not know yet that it has lost its place must
// not end the reader of the next one.
func (w *walFeed) evict(ctx context.Context, pid int) error {
	ended, err := w.queries.FeedReaderTerminate(ctx, w.cfg.Pool, queries.FeedReaderTerminateParams{
		Leader: int32(w.leader.Load()), Reader: int32(pid), //nolint:gosec // both are numbers of processes
	})
	if err != nil {
		return fmt.Errorf("end the last reader of the WAL: %w", err)
	}
	if ended && pid != w.evicted { // some have to be told twice
		w.evicted = pid
		w.cfg.Logger.WarnContext(ctx, "[TaskSync] The last feed's reader of the WAL does not end; ending it", "pid", pid)
		w.metrics.terminated.Inc()
	}
	return nil
}

// readWAL has the triggers quiet for good, and reads the log, or else the rows.
func (l *leader) readWAL(ctx context.Context) error {
	l.wal.leader.Store(l.session.conn.PgConn().PID())
	l.order(true)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.wal.keep(ctx) })
	group.Go(func() error { return l.wal.standIn(ctx) })
	return group.Wait()
}

// keep reads the log as long as it can, and tries again when it cannot.
func (w *walFeed) keep(ctx context.Context) error {
	wait := minBackoff
	for {
		began := time.Now()
		err := w.reader.Run(ctx)
		w.reads.Store(false)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.metrics.mode(Poll, stateReading)
		if time.Since(began) > maxBackoff {
			wait = minBackoff
		}
		if errors.Is(err, wal.ErrUnavailable) || errors.Is(err, wal.ErrSlotDropped) {
			wait = w.cfg.RetryAfter
		}
		w.cfg.Logger.WarnContext(ctx, "[TaskSync] The WAL is not read; looking at the rows until it is", "error", database.RedactPassword(err, w.cfg.Session), "retry_in", wait.String())
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, maxBackoff)
	}
}

// readsCheck is how soon looks stand in for a log that is not read any more.
const readsCheck = 100 * time.Millisecond

// standIn looks at the rows while the log is not read.
func (w *walFeed) standIn(ctx context.Context) error {
	r, err := w.newReader(ctx, narrowOverlap)
	if err != nil {
		return err
	}
	w.metrics.mode(Poll, stateReading)
	w.up()
	for {
		pause := readsCheck
		if w.reads.Load() {
			r.widen()
		} else if pause, err = r.paced(ctx); err != nil {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// guard looks after the replication slot, whosever it is, until ctx ends.
func (w *walFeed) guard(ctx context.Context) error {
	for {
		if err := w.reader.Guard(ctx); err != nil && ctx.Err() == nil {
			level := slog.LevelDebug // an outage is told of by others
			if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
				level = slog.LevelWarn
			}
			w.cfg.Logger.Log(ctx, level, "[TaskSync] The replication slot cannot be looked after", "error", database.RedactPassword(err, w.cfg.Session))
		}
		if sleep(ctx, w.cfg.GuardEvery) != nil {
			return nil
		}
	}
}

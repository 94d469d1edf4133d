package wal

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/queries"
)

// A Reader reads new rows from the WAL. Run is for one goroutine at a time; the
// other methods are safe for concurrent use.
type Reader struct {
	cfg     Config
	queries *queries.Queries
	metrics *metrics

	mu        sync.Mutex
	idleSince time.Time // the time since which Guard has seen no reader of the slot; zero: it saw one last time
}

// New returns a reader that does not read yet. Its error names the field of cfg
// that is wrong, or comes from the registerer.
func New(cfg Config) (*Reader, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	metrics, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Reader{cfg: cfg, queries: queries.New(), metrics: metrics}, nil
}

// Run makes the publication and the slot where they are missing, waits while
// another daemon reads the slot, and then hands on every row that is committed,
// until ctx ends or reading fails. It always returns an error, which is ctx.Err()
// when ctx has ended. No row is lost when Run ends: the next Run, here or in another
// daemon, goes on where this one stopped, and at worst hands some rows on again. Only
// after an error that wraps ErrSlotDropped does the next Run start with a new slot,
// which is why Ready sweeps. ErrUnavailable says that an operator has to act first.
func (r *Reader) Run(ctx context.Context) error {
	if r.cfg.ConnConfig == nil || r.cfg.To == nil {
		return errors.New("Run needs ConnConfig and To")
	}
	if err := r.Check(ctx); err != nil {
		return err
	}
	if err := r.ensurePublication(ctx); err != nil {
		return err
	}
	conn, err := r.open(ctx)
	if err != nil {
		return err
	}
	s := &stream{conn: conn, cfg: r.cfg, backlog: newBacklog(maxHandOn, maxBacklog), decoder: newDecoder()}
	err = r.read(ctx, s)
	closeConn(conn)
	if _, harm := errors.AsType[harmError](err); harm {
		return r.dropBecause(ctx, err)
	}
	return err
}

// read receives, hands on and watches the slot, until one of the three ends.
func (r *Reader) read(ctx context.Context, s *stream) error {
	r.cfg.Logger.Info("[TaskSync] Reading new rows from the WAL", "pid", s.conn.PID())
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.receive(groupCtx) })
	group.Go(func() error { return r.handOn(groupCtx, s.backlog) })
	group.Go(func() error { return r.watch(groupCtx) })
	err := group.Wait()
	if !s.conn.IsClosed() {
		_ = s.report() // the next reader need not read again what this confirms
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
